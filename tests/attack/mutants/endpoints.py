"""Wrong variants of the endpoints: signatures, origins, documents, limits, streams and settings."""

from tests.attack.mutants.mutant import Mutant

EVENTS = "tests/provider/test_events.py::"
FOLLOWING = "tests/live/test_following.py::"

ENDPOINTS = (
    Mutant(
        "any_signature_will_do",
        "provider/events.py",
        "    if not genuine:\n",
        "    if not signatures:\n",
        "tests/api/events/test_webhook_signatures.py::test_scenario_25_and_26_forged_stale_future_and_v0_only_are_refused",
        "[200, 400, 400, 400, 200] == [400",
    ),
    Mutant(
        "a_signature_is_good_for_ever",
        "provider/events.py",
        "if abs(now.timestamp() - stamped) > TOLERANCE_SECONDS:",
        "if stamped - now.timestamp() > TOLERANCE_SECONDS:",
        "tests/api/events/test_webhook_signatures.py::test_scenario_25_and_26_forged_stale_future_and_v0_only_are_refused",
        "[400, 200, 400, 400, 400] == [400",
    ),
    Mutant(
        "the_first_of_two_webhook_secrets_alone_counts",
        "provider/events.py",
        "    for secret in secrets:\n",
        "    for secret in secrets[:1]:\n",
        "tests/api/events/test_webhook_signatures.py::test_scenario_25_a_signed_event_is_stored_with_either_secret",
        "[200, 400, 200] == [200",
    ),
    Mutant(
        "events_keep_whole_people",
        "provider/events.py",
        "        if name not in FORGOTTEN:\n            kept[name] = item\n",
        "        kept[name] = item\n",
        "tests/provider/test_kept_events.py::test_what_is_kept_is_the_same_as_when_each_text_is_looked_at",
        "assert",
    ),
    Mutant(
        "every_origin_is_allowed",
        "server/http/cross_origin.py",
        "return isinstance(origin, str) and (origin in self._listed or (self._loopback and is_loopback(origin)))",
        "return isinstance(origin, str)",
        "tests/server/http/test_cross_origin.py::test_a_page_of_another_origin_may_neither_ask_nor_read",
        "assert not passes(asked, origin, [])",
    ),
    Mutant(
        "a_page_from_elsewhere_gets_a_socket",
        "server/graphql/websocket.py",
        'return origins[0] in self._allowed_origins or _is_of_host(origins[0], headers.get("host", ""))',
        "return True",
        "tests/server/access/test_socket_admission.py::test_a_page_from_elsewhere_gets_no_socket",
        "it was let in",
    ),
    Mutant(
        "a_mutation_runs_on_a_socket",
        "server/graphql/websocket.py",
        "    if operation is OperationType.MUTATION:\n",
        "    if False:\n",
        "tests/server/graphql/test_graphql_ws.py::test_what_may_not_run_ends_that_operation_and_not_the_socket",
        "_NOT_ALLOWED')",
    ),
    Mutant(
        "a_socket_outlives_its_token",
        "server/graphql/subscriptions.py",
        "        if left <= 0:\n            return\n",
        "        if left <= -3_600:\n            return\n",
        "tests/server/access/test_socket_admission.py::test_the_socket_ends_with_its_token",
        '"Token expired"',
    ),
    Mutant(
        "unregistered_documents_run",
        "server/graphql/trusted_documents.py",
        "if self.mode is Mode.ENFORCED and not explores(caller) and hash_of(request.query) not in self.texts:",
        "if False:",
        "tests/api/reading/test_trusted_documents.py::test_a_text_runs_where_it_is_allowed_and_not_where_documents_are_enforced",
        "TRUSTED_DOCUMENTS_ONLY",
    ),
    Mutant(
        "a_change_that_was_told_is_told_again",
        "services/live/payment_feed.py",
        "known[event.order_id].sequence:\n                    continue\n                waiting",
        "known[event.order_id].sequence:\n                    pass\n                waiting",
        "tests/live/test_feed.py::test_what_came_as_the_past_does_not_come_again_as_the_present",
        "assert sequences == list(range(",
    ),
    Mutant(
        "one_answer_is_for_all_whoever_asks",
        "server/graphql/subscriptions.py",
        "        name = events.shared_key(event)\n",
        '        name = "everybody"\n',
        "tests/live/test_shared_answers.py::test_who_did_it_is_told_to_each_as_they_may_know_it",
        "assert",
    ),
    Mutant(
        "a_live_key_starts_a_test",
        "settings.py",
        'if settings.livemode and settings.environment != "production":',
        "if False:",
        "tests/settings/test_settings.py::test_scenario_55_a_live_key_outside_production_is_refused",
        "DID NOT RAISE",
    ),
)
