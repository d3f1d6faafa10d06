"""Wrong variants of single lines: each breaks one promise, as a tired programmer might, and a test must fail."""

from tests.attack.mutants.checkout import CHECKOUT
from tests.attack.mutants.delayed import DELAYED
from tests.attack.mutants.endpoints import ENDPOINTS
from tests.attack.mutants.executed import EXECUTED
from tests.attack.mutants.facts import FACTS
from tests.attack.mutants.keys import KEYS
from tests.attack.mutants.mutant import Mutant
from tests.attack.mutants.off_session import OFF_SESSION
from tests.attack.mutants.orders import ORDERS
from tests.attack.mutants.recognition import RECOGNITION
from tests.attack.mutants.scenarios import SCENARIOS
from tests.attack.mutants.setups import SETUPS
from tests.attack.mutants.sight import SIGHT
from tests.attack.mutants.streams import STREAMS

MUTANTS: tuple[Mutant, ...] = (
    *KEYS,
    *FACTS,
    *SETUPS,
    *SIGHT,
    *ENDPOINTS,
    *SCENARIOS,
    *STREAMS,
    *EXECUTED,
    *RECOGNITION,
    *CHECKOUT,
    *DELAYED,
    *ORDERS,
    *OFF_SESSION,
)
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
