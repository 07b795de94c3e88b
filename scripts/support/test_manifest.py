"""Tests of the manifest's checks and of what is derived from it; scripts/checks/manifest.py runs them."""

import json
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.common import ROOT, Failure
from support.manifest import PATH, Manifest, problems

Content = dict[str, Any]
Change = Callable[[Content], object]


def _content() -> Content:
    content: Content = json.loads(PATH.read_text(encoding="utf-8"))
    return content


def _problems(text: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "service.json"
        path.write_text(text, encoding="utf-8")
        return problems(path)


def _puts(permission: Content) -> bool:
    """Whether a permission allows to put photos or pictures."""
    places = {"${bucket_arn}/photos/*", "${bucket_arn}/auctions/*"}
    return "s3:PutObject" in permission["actions"] and bool(places.intersection(permission["resources"]))


class Checks(unittest.TestCase):
    """Each mistake is reported once, where it is, in words that say what to change."""

    def _expect(self, change: Change, expected: str) -> None:
        content = _content()
        change(content)
        self.assertEqual(_problems(json.dumps(content)), [expected])

    def test_the_manifests_are_valid(self) -> None:
        for path in (PATH, *(ROOT / "terraform/tests/manifests").glob("*.json")):
            with self.subTest(path.name):
                self.assertEqual(problems(path), [])

    def test_photos_and_pictures_can_only_be_put_under_free_names(self) -> None:
        """The role of a function must not allow it to overwrite one, whatever its code does."""
        unconditional = {"Bool": {"s3:ObjectCreationOperation": ["false"]}}  # parts, which are no objects yet
        conditional = {"Null": {"s3:if-none-match": ["false"]}}
        found = {
            name: [permission.get("condition") for permission in function["permissions"] if _puts(permission)]
            for name, function in _content()["functions"].items()
        }
        self.assertEqual(
            {name: conditions for name, conditions in found.items() if conditions},
            {
                "upload_single_photo": [conditional],
                "unzip": [conditional],
                "uploads_complete": [conditional, unconditional],
                "auctions_picture": [conditional],
                "run_jobs": [conditional, unconditional],
            },
        )

    def test_text_that_is_not_json_is_refused(self) -> None:
        self.assertEqual(len(_problems("{")), 1)

    def test_a_function_defined_twice_is_refused(self) -> None:
        text = PATH.read_text(encoding="utf-8").replace('"me_images": {', '"me": {')
        self.assertEqual(_problems(text), ['the key "me" occurs twice in one object'])

    def test_an_unknown_key_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["list"].update(permission=[]),
            "functions.list: Additional properties are not allowed ('permission' was unexpected)",
        )

    def test_a_missing_key_is_refused(self) -> None:
        for key in ("description", "trigger", "memory", "timeout", "environment", "permissions", "auth"):
            with self.subTest(key):
                self._expect(
                    lambda content, key=key: content["functions"]["list"].pop(key),  # type: ignore[misc]
                    f"functions.list: '{key}' is a required property",
                )

    def test_a_misspelt_permission_is_refused(self) -> None:
        def change(content: Content) -> None:
            permission = content["functions"]["download"]["permissions"][0]
            permission["conditions"] = permission.pop("condition")

        self._expect(
            change,
            "functions.download.permissions.0: Additional properties are not allowed "
            "('conditions' was unexpected)",
        )

    def test_two_triggers_are_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["list"]["trigger"].update(schedule="rate(1 minute)"),
            "functions.list.trigger: a trigger has exactly one of http, queue, schedule and authorizer",
        )

    def test_auth_without_routes_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["send_mail"].update(auth="token"),
            'functions.send_mail.auth: "token": only a function with routes has auth',
        )

    def test_an_unknown_auth_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["list"].update(auth="tokn"),
            "functions.list.auth: 'tokn' is not one of ['public', 'token']",
        )

    def test_a_function_slower_than_the_gateway_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["list"].update(timeout=30),
            "functions.list.timeout: a function with routes must end before API Gateway gives up after 30 s: "
            "at most 29",
        )

    def test_a_queue_trigger_without_concurrency_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["send_mail"]["trigger"].pop("concurrency"),
            "functions.send_mail.trigger: 'concurrency' is a dependency of 'queue'",
        )

    def test_a_large_batch_without_a_window_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["send_mail"]["trigger"].update(batch_size=11),
            "functions.send_mail.trigger.batch_window: a batch of more than 10 messages needs a batch_window "
            "of at least 1 s",
        )

    def test_a_path_without_a_method_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["list"]["trigger"].update(http=["/list"]),
            'functions.list.trigger.http.0: "/list": a route is a method and a path, as in POST /login',
        )

    def test_a_route_of_two_functions_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["list"]["trigger"].update(http=["POST /login"]),
            'the route "POST /login" belongs to login and list',
        )

    def test_a_queue_of_two_functions_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["index_images"]["trigger"].update(queue="mail"),
            'the queue "mail" has more than one function: index_images and send_mail',
        )

    def test_a_queue_that_is_not_defined_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["index_images"]["trigger"].update(queue="post"),
            'functions.index_images: there is no queue "post"',
        )

    def test_a_consumer_that_is_not_defined_is_refused(self) -> None:
        self._expect(
            lambda content: content["prefixes"]["photos/"]["consumers"].append("post"),
            'prefixes.photos/: there is no queue "post"',
        )

    def test_two_authorizers_are_refused(self) -> None:
        self._expect(
            lambda content: content["functions"].update(second=content["functions"]["authorize"]),
            "there is more than one authorizer: authorize and second",
        )

    def test_an_unknown_placeholder_is_refused(self) -> None:
        content = _content()
        content["functions"]["list"]["environment"]["TABLE"] = "${mai_table}"
        (problem,) = _problems(json.dumps(content))
        self.assertIn("${mai_table} is not a placeholder; there are ${api_url}, ", problem)
        self.assertIn("${mails_table}", problem)

    def test_a_wildcard_in_a_permission_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["download"]["permissions"][0].update(resources=["*"]),
            'functions.download.permissions.0.resources.0: "*": a resource is the placeholder of an ARN, and '
            "optionally a path that may end in /*",
        )

    def test_a_permission_outside_the_prefixes_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["unzip"]["permissions"][0].update(
                resources=["${bucket_arn}/photo/*"]
            ),
            'functions.unzip.permissions: "photo/" is not one of the prefixes',
        )

    def test_a_listing_outside_the_prefixes_is_refused(self) -> None:
        def change(content: Content) -> None:
            content["functions"]["download"]["permissions"][0]["condition"]["StringLike"]["s3:prefix"] = ["*"]

        self._expect(
            change, 'functions.download.permissions: the s3:prefix "*" is not below one of the prefixes'
        )

    def test_a_permission_on_an_index_that_is_not_defined_is_refused(self) -> None:
        self._expect(
            lambda content: content["functions"]["auctions_list"]["permissions"][0].update(
                resources=["${auctions_table_arn}/index/seller"]
            ),
            'functions.auctions_list.permissions: the table auctions has no index "seller"',
        )

    def test_a_key_without_a_type_is_refused(self) -> None:
        self._expect(
            lambda content: content["tables"]["mails"].update(range_key="sent"),
            'tables.mails: the key "sent" has no type in attributes',
        )

    def test_an_attribute_that_is_no_key_is_refused(self) -> None:
        self._expect(
            lambda content: content["tables"]["mails"]["attributes"].update(sent="N"),
            'tables.mails: "sent" is no key, so it must not be in attributes',
        )


class Derived(unittest.TestCase):
    """What is not in the manifest but follows from it."""

    # The manifest that Terraform's tests use, so that both are tested with the same figures.
    everything = Manifest(json.loads((ROOT / "terraform/tests/manifests/everything.json").read_text()))

    def test_a_message_stays_hidden_for_six_timeouts_and_the_window(self) -> None:
        queues = {queue.name: queue.visibility_timeout for queue in self.everything.queues}
        self.assertEqual(queues, {"index": 6 * 60 + 1, "jobs": 30, "mail": 6 * 30, "renditions": 6 * 90})

    def test_one_prefix_can_have_several_consumers(self) -> None:
        prefixes = {queue.name: queue.prefixes for queue in self.everything.queues}
        expected = {"index": ("photos/",), "jobs": ("incoming/",), "mail": (), "renditions": ("photos/",)}
        self.assertEqual(prefixes, expected)

    def test_placeholders_are_replaced_everywhere(self) -> None:
        manifest = Manifest(_content())
        filled = manifest.filled({name: f'<{name} "quoted">' for name in manifest.placeholders})
        self.assertEqual(filled.placeholders, set())
        functions = {function.name: function for function in filled.functions}
        self.assertEqual(functions["download"].environment["BUCKET"], '<bucket "quoted">')
        self.assertEqual(functions["download"].permissions[0]["resources"], ['<bucket_arn "quoted">'])

    def test_a_placeholder_without_a_value_is_refused(self) -> None:
        manifest = Manifest(_content())
        values = dict.fromkeys(manifest.placeholders - {"currency"}, "-")
        with self.assertRaisesRegex(Failure, r"\$\{currency\}"):
            manifest.filled(values)

    def test_the_token_environment_is_for_functions_that_need_a_token(self) -> None:
        functions = {function.name: function for function in Manifest(_content()).functions}
        self.assertIn("TRUSTED_ISSUERS", functions["list"].environment)
        self.assertNotIn("TRUSTED_ISSUERS", functions["login"].environment)


if __name__ == "__main__":
    unittest.main()
