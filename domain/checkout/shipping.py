"""The person and the address that an order is shipped to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from domain.errors import ErrorCode, Path, Refused
from domain.text import clean_text

LONGEST: Final = {
    "name": 250,
    "phone": 40,
    "line1": 250,
    "line2": 250,
    "city": 100,
    "postal_code": 20,
    "state": 100,
    "country": 2,
}
# ISO 3166-1 alpha-2, and the codes of Ascension, Kosovo and Tristan da Cunha, which Stripe takes as well.
COUNTRIES: Final = frozenset(
    """
    AC AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO
    JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR
    MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO
    RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT
    TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipping:
    """The recipient with their address. All of it is personal data."""

    name: str
    line1: str
    country: str
    phone: str | None = None
    line2: str | None = None
    city: str | None = None
    postal_code: str | None = None
    state: str | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the recipient as they are stored."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Shipping":
        """Return the recipient that `to_record` gave."""
        return cls(**record)


def check_shipping(stated: Shipping, *, path: Path) -> Shipping:
    """Return a recipient with all texts cleaned, and the country's code in upper case. Raises Refused."""
    texts = {
        field: clean_text(text, path=(*path, _shown(field)), max_length=LONGEST[field])
        for field, text in stated.to_record().items()
        if text is not None
    }
    texts["country"] = texts["country"].upper()
    if texts["country"] not in COUNTRIES:
        message = "`country` must be a code of ISO 3166-1 alpha-2, such as DE."
        raise Refused(ErrorCode.VALIDATION_FAILED, message, (*path, "country"))
    return Shipping(**texts)


def _shown(field: str) -> str:
    """Return the name of a field in the schema."""
    return "postalCode" if field == "postal_code" else field
