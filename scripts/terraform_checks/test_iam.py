"""The evaluation of policies follows the rules of the IAM User Guide."""

import unittest
from collections.abc import Mapping
from typing import Any

from terraform_checks.iam import Request, allows, matches
from terraform_checks.policies import mutations

_QUEUE = "arn:aws:sqs:eu-central-1:123456789012:yourplace-test-mail"


def _policy(condition: Mapping[str, Any] | None = None, **elements: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [_QUEUE], **elements}
    return {"Statement": [statement if condition is None else {**statement, "Condition": condition}]}


def _allows(policy: Mapping[str, Any], **context: str) -> bool:
    names = {name.replace("__", ":").replace("_", "/"): value for name, value in context.items()}
    return allows([policy], Request("sqs:SendMessage", _QUEUE, names))


class Evaluation(unittest.TestCase):
    def test_nothing_is_allowed_by_default(self) -> None:
        self.assertFalse(_allows({"Statement": []}))
        self.assertFalse(_allows(_policy(Action=["sqs:DeleteMessage"])))
        self.assertFalse(
            _allows(_policy(Resource=["arn:aws:sqs:eu-central-1:123456789012:yourplace-prod-*"]))
        )

    def test_an_action_is_compared_without_case_and_with_wildcards(self) -> None:
        for action in ("sqs:SendMessage", "SQS:sendmessage", "sqs:Send*", "sqs:*", "*"):
            self.assertTrue(_allows(_policy(Action=action)), action)
        self.assertFalse(_allows(_policy(Action="sqs:SendMessageBatch")))

    def test_a_denial_overrides_an_allowance(self) -> None:
        denied = _policy(Effect="Deny", Action=["sqs:*"], Resource=["*"])["Statement"]
        self.assertFalse(_allows({"Statement": _policy()["Statement"] + denied}))
        other = _policy(Effect="Deny", Action=["sqs:DeleteQueue"])["Statement"]
        self.assertTrue(_allows({"Statement": _policy()["Statement"] + other}))

    def test_an_exempted_resource_is_not_meant(self) -> None:
        statement = {"Effect": "Deny", "Action": ["sqs:*"]}
        for exempted, allowed in ((_QUEUE, True), (f"{_QUEUE}-dead", False)):
            denied = [{**statement, "NotResource": [exempted]}]
            self.assertEqual(_allows({"Statement": _policy()["Statement"] + denied}), allowed)

    def test_a_condition_on_a_missing_key_does_not_hold(self) -> None:
        for operator in ("StringEquals", "StringLike", "ArnLike", "ArnEquals"):
            self.assertFalse(_allows(_policy({operator: {"aws:ResourceTag/Stage": "test"}})), operator)

    def test_if_exists_holds_for_a_missing_key_only(self) -> None:
        policy = _policy({"StringEqualsIfExists": {"aws:ResourceTag/Stage": "test"}})
        self.assertTrue(_allows(policy))
        self.assertTrue(_allows(policy, aws__ResourceTag_Stage="test"))
        self.assertFalse(_allows(policy, aws__ResourceTag_Stage="prod"))

    def test_all_conditions_must_hold_and_one_value_is_enough(self) -> None:
        policy = _policy({"StringEquals": {"a": ["x", "y"]}, "StringLike": {"b": "z*"}})
        self.assertTrue(_allows(policy, a="y", b="zebra"))
        self.assertFalse(_allows(policy, a="y", b="apple"))
        self.assertFalse(_allows(policy, a="z", b="zebra"))

    def test_string_equals_has_no_wildcards(self) -> None:
        self.assertFalse(_allows(_policy({"StringEquals": {"a": "t*"}}), a="test"))

    def test_a_wildcard_of_an_arn_condition_ends_at_a_colon(self) -> None:
        policy = _policy({"ArnLike": {"a": "arn:aws:lambda:*:function:yourplace-*"}})
        self.assertFalse(_allows(policy, a="arn:aws:lambda:eu-central-1:123456789012:function:yourplace-a"))
        policy = _policy({"ArnLike": {"a": "arn:aws:lambda:*:*:function:yourplace-*"}})
        self.assertTrue(_allows(policy, a="arn:aws:lambda:eu-central-1:123456789012:function:yourplace-a"))

    def test_an_unknown_operator_is_an_error(self) -> None:
        with self.assertRaises(KeyError):
            _allows(_policy({"DateLessThan": {"aws:CurrentTime": "2026-01-01"}}), **{"aws:CurrentTime": ""})

    def test_other_characters_of_a_pattern_are_literal(self) -> None:
        self.assertFalse(matches("a.c", "abc"))
        self.assertTrue(matches("a?c*", "abc/d:e"))


class Mutations(unittest.TestCase):
    def test_each_part_of_a_statement_is_taken_away_once(self) -> None:
        policy = _policy(
            {"StringEquals": {"a": "x"}}, Sid="S", Action=["sqs:A", "sqs:B"], Resource=["r", "s"]
        )
        found = dict(mutations(policy))
        self.assertEqual(
            list(found),
            [
                "without S",
                "S without sqs:A",
                "S without sqs:B",
                "S without r",
                "S without s",
                "S without the condition on a",
            ],
        )
        self.assertEqual(found["without S"]["Statement"], [])
        self.assertEqual(found["S without sqs:A"]["Statement"][0]["Action"], ["sqs:B"])
        self.assertEqual(
            found["S without the condition on a"]["Statement"][0]["Condition"]["StringEquals"], {}
        )

    def test_a_resource_without_a_condition_is_widened(self) -> None:
        found = dict(mutations(_policy(Sid="S", Resource=["r", "*"])))
        self.assertEqual(found["S with * instead of r"]["Statement"][0]["Resource"], ["*", "*"])
        self.assertNotIn("S with * instead of *", found)
        denial = {"Effect": "Deny", "Action": ["sqs:Send*"], "NotResource": [_QUEUE]}
        limited = {"Statement": [*_policy()["Statement"], denial]}
        self.assertFalse(any("instead" in name for name, _ in mutations(limited)))
        denial["Action"] = ["sqs:Delete*"]
        self.assertTrue(any("instead" in name for name, _ in mutations(limited)))
        for policy in (_policy(Effect="Deny"), _policy({"StringEquals": {"a": "x"}})):
            self.assertFalse(any("instead" in name for name, _ in mutations(policy)))


if __name__ == "__main__":
    unittest.main()
