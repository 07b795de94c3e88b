"""`scripts/repair` and the functions behind it: the records of photos become what the bucket says."""

import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import auctions
from conftest import Bucket
from crashes import ANY, Victim
from library import Library
from photos import photo
from service import User, eventually, rendered, upload_known
from support import events

pytestmark = pytest.mark.local_cloud

SCRIPT = Path(__file__).parents[1] / "scripts" / "repair"
#: The calls to AWS of a run for a user with 8 photos without records: the function may die at each of them.
STEPS = 20


class Records(Library):
    """The table, and the progress of runs in it."""

    def partition(self, key: str) -> list[dict[str, Any]]:
        """All items with this hash key."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            ConsistentRead=True,
            KeyConditionExpression="#user = :user",
            ExpressionAttributeNames={"#user": "user"},
            ExpressionAttributeValues={":user": {"S": key}},
        )
        return [item for page in pages for item in page["Items"]]

    def clear(self, user: User) -> None:
        """Removes everything that the table knows about a user's photos."""
        for item in self.partition(user.id):
            self.dynamodb.delete_item(TableName=self.table, Key={"user": item["user"], "item": item["item"]})

    def set_number(self, user: User, item: str, name: str, number: int) -> None:
        """Sets a number of an item."""
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"user": {"S": user.id}, "item": {"S": item}},
            UpdateExpression="SET #name = :number",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":number": {"N": str(number)}},
        )

    def progress(self, run: str, user: User) -> dict[str, Any]:
        """What a run has counted for a user."""
        (item,) = (item for item in self.partition(f"repair#{run}") if item["item"]["S"] == user.id)
        counts = {name: int(value["N"]) for name, value in item.items() if "N" in value and name != "ttl"}
        return {"at": item["at"]["S"]} | counts


@pytest.fixture(scope="session")
def records(aws: Callable[[str], Any], bucket: Bucket) -> Records:
    return Records(aws, bucket)


class Repair:
    """Runs of the script and of the function."""

    def __init__(self, backstage: auctions.Backstage) -> None:
        self.backstage = backstage

    def script(self, *arguments: str, code: int = 0) -> str:
        """Runs the script to its end and returns what it printed."""
        command: list[str | Path] = [
            sys.executable,
            SCRIPT,
            "--stage",
            self.backstage.settings.stage,
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def wait(self, *arguments: str) -> tuple[str, str]:
        """Runs the script until the run has finished; returns the run and what was printed."""
        printed = self.script("--wait", *arguments)
        assert "\nFinished: " in printed, printed
        return printed.split(maxsplit=2)[1], printed

    def event(self, run: str, user: User) -> dict[str, Any]:
        """A message of the queue about one user."""
        return events.sqs_messages("repair", [("1", json.dumps({"run": run, "user": user.id}))])

    def call(self, run: str, user: User) -> None:
        """Delivers such a message to the function, which must handle it."""
        assert self.backstage.invoke("repair", self.event(run, user)) == {"batchItemFailures": []}


@pytest.fixture(scope="session")
def repair(backstage: auctions.Backstage) -> Repair:
    return Repair(backstage)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("programs")


def name_of(number: int) -> str:
    """The name of a photo of 2025. The months of the photos differ."""
    hour, minute, second = number // 3600, number // 60 % 60, number % 60
    return f"2025{number % 3 + 1:02}01T{hour:02}{minute:02}{second:02}000Z_{number}.jpg"


def store(bucket: Bucket, user: User, sizes: Mapping[str, int]) -> None:
    """Puts objects into a user's folder, without a request to the service."""

    def put(item: tuple[str, int]) -> None:
        key = f"photos/{user.id}/{item[0]}"
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=b"x" * item[1], ContentType="image/jpeg")

    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(put, sizes.items()):
            pass


def store_without_records(bucket: Bucket, records: Records, user: User, sizes: Mapping[str, int]) -> None:
    """Makes a folder as version 0.1 left it: objects, but no records."""
    store(bucket, user, sizes)
    # The events have to be over, or they would make the records.
    eventually(lambda: len(records.recorded(user)), len(sizes), seconds=120)
    records.clear(user)


def write_old_index(bucket: Bucket, user: User, sizes: Mapping[str, int]) -> None:
    """Writes a photo index as version 0.1 did."""
    entries = [{"name": name, "type": "jpg", "size": size} for name, size in sorted(sizes.items())]
    bucket.client.put_object(
        Bucket=bucket.name,
        Key=f"index/{user.id}/images.json",
        Body=json.dumps(entries).encode(),
        ContentType="application/json",
        Metadata={"count": str(len(sizes)), "bytes": str(sum(sizes.values()))},
    )


def assert_right(user: User, sizes: Mapping[str, int]) -> None:
    """Every view of the photos shows exactly these."""
    listed = {item["filename"]: item["size"] for item in user.photos()}
    assert listed == dict(sizes)
    assert user.me()["images"] == {"count": len(sizes), "bytes": sum(sizes.values())}
    months = Counter(f"{name[:4]}-{name[4:6]}" for name in sizes)
    found = user.get("/photos/months").json()["months"]
    assert {month["month"]: month["count"] for month in found} == months
    index = user.get("/me/images").json()
    assert {entry["name"]: entry["size"] for entry in index} == dict(sizes)
    assert len(index) == len(sizes)


def indexed(bucket: Bucket, user: User) -> dict[str, int]:
    """The photo index in the bucket, if this version of the service has written it."""
    response = bucket.client.get_object(Bucket=bucket.name, Key=f"index/{user.id}/images.json")
    if "changes" not in response["Metadata"]:
        return {"an index of version 0.1": 0}
    return {entry["name"]: entry["size"] for entry in json.load(response["Body"])}


@pytest.fixture
def folder(user: User, bucket: Bucket, records: Records) -> Callable[[int], tuple[User, dict[str, int]]]:
    """folder(n): a user with n photos and no records, and the photos' sizes."""

    def make(count: int) -> tuple[User, dict[str, int]]:
        sizes = {name_of(number): number % 7 + 1 for number in range(count)}
        store_without_records(bucket, records, user, sizes)
        return user, sizes

    return make


# It repairs all users, and corrects what other tests have changed on purpose.
@pytest.mark.few_users
def test_a_deployment_of_version_0_1_is_migrated(
    make_user: Callable[..., User],
    bucket: Bucket,
    records: Records,
    repair: Repair,
    record_property: Callable[[str, object], None],
) -> None:
    many, few, emptied = make_user(), make_user(), make_user()
    photos = {
        many.id: {name_of(number): number % 7 + 1 for number in range(1203)},
        few.id: {name_of(number): 5 for number in range(2)},
        emptied.id: {},
    }
    users = (many, few, emptied)
    others = {"notes.txt": 3, "20250101T000000000Z_cat.exe": 4}
    for user in users:
        store_without_records(bucket, records, user, photos[user.id])
    store(bucket, many, others)
    write_old_index(bucket, many, photos[many.id])
    write_old_index(bucket, few, {})
    write_old_index(bucket, emptied, {name_of(7): 7})
    record = {"display_name": "Ann", "created_at": "2025-01-02T03:04:05.678Z"}
    record_key = f"users/{few.id}/record.json"
    bucket.client.put_object(Bucket=bucket.name, Key=record_key, Body=json.dumps(record).encode())

    started = time.monotonic()
    run, printed = repair.wait()
    record_property("seconds of the run", round(time.monotonic() - started, 1))
    for user in users:
        assert_right(user, photos[user.id])
        # A message from before may have had the index written in the middle of the run, a minute ago at most.
        eventually(lambda user=user: indexed(bucket, user), photos[user.id])  # type: ignore[misc]
    assert f"\n{many.id}: 1,203 records added\n" in printed
    assert f"\n{few.id}: 2 records added, 1 user record moved to the table\n" in printed
    assert {name: few.me()[name] for name in record} == record
    assert bucket.list(record_key) == []
    assert emptied.id not in printed
    assert "\nLeft alone: " in printed
    assert records.progress(run, many) == {
        "at": "done",
        "objects": 1203,
        "ignored": 2,
        "added": 1203,
        "removed": 0,
        "resized": 0,
        "grouped": 0,
        "unrendered": 1203,
        "recounted": 0,
        "moved": 0,
        "photos": 1203,
        "bytes": sum(photos[many.id].values()),
    }
    assert f"\n{many.id}: 1,203 records added\n" in repair.script("--run", run)

    for user in users:
        _, printed = repair.wait("--user", user.id)
        assert printed.endswith("\nFixed: nothing.\n" if user is not many else "not those of photos.\n")
        assert_right(user, photos[user.id])


def test_wrong_records_and_sums_are_corrected(
    user: User, bucket: Bucket, records: Records, repair: Repair
) -> None:
    store(bucket, user, {name_of(number): 5 for number in range(4)})
    eventually(lambda: len(records.recorded(user)), 4)
    # A record without an object, and one with a wrong size. Both are also counted wrongly.
    (ghost,) = records.items(user, f"photo#{name_of(0)}")
    records.dynamodb.put_item(
        TableName=records.table, Item=ghost | {"item": {"S": f"photo#{name_of(9)}"}, "size": {"N": "70"}}
    )
    records.set_number(user, f"photo#{name_of(1)}", "size", 90)
    records.set_usage(user, bytes=1000, photos=77)
    records.set_number(user, "month#2025-02", "count", 6)
    records.set_number(user, "month#2019-12", "count", 3)
    run, printed = repair.wait("--user", user.id)
    fixed = "1 record removed, 1 size corrected, 1 total corrected"
    assert f"\n{user.id}: {fixed}\n" in printed
    assert f"\nFixed: {fixed}.\n" in printed
    assert_right(user, {name_of(number): 5 for number in range(4)})
    assert records.progress(run, user)["objects"] == 4
    assert repair.wait("--user", user.id)[1].endswith("\nFixed: nothing.\n")


def test_a_wrong_total_is_corrected_while_quota_is_reserved(
    user: User, records: Records, repair: Repair
) -> None:
    user.upload(photo())
    size = user.me()["images"]["bytes"]
    upload = user.post("/uploads", json={"filename": "a.jpg", "size": 1000})
    assert upload.status_code == 201, upload.text
    records.set_usage(user, bytes=5)
    repair.wait("--user", user.id)
    quota = user.me()["quota"]
    assert (quota["used"], quota["reserved"], quota["photos_used"]) == (size, 1000, 1)


def test_photos_that_nobody_has_counted_are_counted(user: User, records: Records, repair: Repair) -> None:
    user.upload(photo("jpg", 1))
    user.upload(photo("jpg", 2))
    records.wait_until_right([("uploaded", user)])
    records.uncount(user, is_reserved=False)
    repair.wait("--user", user.id)
    records.wait_until_right([("counted", user)])
    assert user.me()["quota"]["photos_used"] == 2


def test_a_spoilt_photo_index_is_written_again(
    user: User, bucket: Bucket, records: Records, repair: Repair
) -> None:
    stored = user.upload(photo())
    wanted = {stored["filename"]: len(photo())}
    eventually(lambda: user.get("/me/images").status_code, 200)
    eventually(lambda: bool(bucket.list(f"index/{user.id}/")), True)
    eventually(lambda: "indexed" in records.items(user, "usage")[0], True)
    write_old_index(bucket, user, {name_of(1): 1})
    # Instead of waiting until it may be written again.
    records.set_number(user, "usage", "indexAfter", 0)
    repair.wait("--user", user.id)
    eventually(lambda: indexed(bucket, user), wanted)


def test_a_restored_photo_gets_a_record(user: User, bucket: Bucket, records: Records, repair: Repair) -> None:
    name = user.upload(photo())["filename"]
    assert user.post("/delete", json={"file": name}).status_code == 204
    key = f"photos/{user.id}/{name}"
    (marker,) = bucket.client.list_object_versions(Bucket=bucket.name, Prefix=key)["DeleteMarkers"]
    bucket.client.delete_object(Bucket=bucket.name, Key=key, VersionId=marker["VersionId"])
    # As a repair a minute later sees it: a new photo is left to the request that stored it.
    (tombstone,) = records.items(user, "gone#")
    old = f"20250101{name[8:]}"
    bucket.client.copy_object(
        Bucket=bucket.name,
        Key=f"photos/{user.id}/{old}",
        CopySource={"Bucket": bucket.name, "Key": key},
    )
    records.dynamodb.put_item(TableName=records.table, Item=tombstone | {"item": {"S": f"gone#{old}"}})
    bucket.client.delete_object(Bucket=bucket.name, Key=key)
    time.sleep(3)
    repair.wait("--user", user.id)
    assert_right(user, {old: len(photo())})
    assert [item["item"]["S"] for item in records.items(user, "gone#")] == [f"gone#{name}"]


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_run_that_dies_is_continued(
    folder: Callable[[int], tuple[User, dict[str, int]]],
    backstage: auctions.Backstage,
    records: Records,
    repair: Repair,
    programs: Path,
    step: int,
) -> None:
    user, sizes = folder(8)
    run = str(uuid.uuid4())
    calls = Victim(backstage, "repair", programs).run(repair.event(run, user), ANY, "after", nth=step)
    # The first two lists are read at the same time.
    assert step <= len(calls) <= step + 1
    repair.call(run, user)
    assert_right(user, sizes)
    done = records.progress(run, user)
    assert (done["at"], done["objects"], done["photos"], done["recounted"]) == ("done", 8, 8, 0)


def test_calls_at_the_same_time_count_once(
    folder: Callable[[int], tuple[User, dict[str, int]]], records: Records, repair: Repair
) -> None:
    user, sizes = folder(100)
    run = str(uuid.uuid4())
    with ThreadPoolExecutor(3) as pool:
        for called in [pool.submit(repair.call, run, user) for _ in range(3)]:
            called.result()
    assert_right(user, sizes)
    done = records.progress(run, user)
    assert (done["at"], done["objects"], done["photos"]) == ("done", 100, 100)


def test_photos_come_and_go_during_a_run(
    folder: Callable[[int], tuple[User, dict[str, int]]], bucket: Bucket, records: Records, repair: Repair
) -> None:
    user, sizes = folder(120)
    doomed = [name_of(number) for number in range(0, 120, 10)]

    def change() -> list[str]:
        added = []
        for name in doomed:
            assert user.post("/delete", json={"file": name}).status_code == 204
            added.append(user.upload(photo(), "new.jpg")["filename"])
        return added

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        runs = 0
        while not changing.done():
            repair.call(str(uuid.uuid4()), user)
            runs += 1
        added = changing.result()
    assert runs > 1
    kept = {name: size for name, size in sizes.items() if name not in doomed}
    wanted = kept | {name: len(photo()) for name in added}
    eventually(lambda: records.recorded(user), wanted)
    assert_right(user, wanted)
    run = str(uuid.uuid4())
    repair.call(run, user)
    done = records.progress(run, user)
    assert {name: done[name] for name in ("added", "removed", "resized", "recounted")} == {
        "added": 0,
        "removed": 0,
        "resized": 0,
        "recounted": 0,
    }


def test_a_message_of_another_shape_stays_in_the_queue(backstage: auctions.Backstage) -> None:
    bodies = {
        "no json": "?",
        "no run": "{}",
        "no user": json.dumps({"run": str(uuid.uuid4()), "user": "a/b"}),
    }
    result = backstage.invoke("repair", events.sqs_messages("repair", bodies.items()))
    assert {item["itemIdentifier"] for item in result["batchItemFailures"]} == bodies.keys()


class TestScript:
    def test_without_waiting_it_shows_how_to_go_on(self, caller: User, repair: Repair) -> None:
        printed = repair.script("--user", caller.id)
        run = printed.split()[1]
        assert "of 1 users" in printed or "Finished: 1 users" in printed
        eventually(lambda: "Finished: 1 users" in repair.script("--run", run), True)

    def test_a_wrong_user_is_refused(self, repair: Repair) -> None:
        assert "the user is not the id of a user" in repair.script("--user", "a/b", code=1)

    def test_a_stage_that_does_not_exist_is_reported(self, repair: Repair) -> None:
        command: list[str | Path] = [sys.executable, SCRIPT, "--stage", "nowhere"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        assert done.returncode == 1
        assert done.stderr.startswith("scripts/repair: AWS refused or did not respond: ")

    @pytest.mark.exclusive
    def test_dead_letters_make_it_fail(
        self, caller: User, backstage: auctions.Backstage, repair: Repair
    ) -> None:
        url = backstage.sqs.get_queue_url(QueueName=backstage.name("repair-dead"))["QueueUrl"]
        backstage.sqs.send_message(QueueUrl=url, MessageBody="{}")
        try:
            printed = repair.script("--wait", "--user", caller.id, code=1)
        finally:
            (message,) = backstage.sqs.receive_message(QueueUrl=url)["Messages"]
            backstage.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        assert "1 messages in the dead-letter queue of `repair` were not handled" in printed


def test_what_users_have_set_survives_a_repair(user: User, records: Records, repair: Repair) -> None:
    """Wrong records of photos that were changed, that are in the trash, and of which there are copies."""
    data = [photo("jpg", number) for number in (1, 1, 2)]
    names = []
    for content in data:
        # A rendition that is made later would write the checksum again.
        names.append(rendered(user, upload_known(user, content))["filename"])
    first, second, trashed = names
    changed = {"favourite": True, "taken_at": "2001-02-03T04:05:06"}
    for name in names:
        assert user.call("PATCH", f"/photos/{name}", json=changed).status_code == 200
    assert user.call("DELETE", f"/photos/{trashed}").status_code == 204
    trashed_at = user.get(f"/photos/{trashed}").json()["trashed_at"]
    # As an earlier version left the checksum, and as an overwritten object leaves the size.
    for item in records.items(user, "hash#"):
        key = {"user": item["user"], "item": item["item"]}
        records.dynamodb.delete_item(TableName=records.table, Key=key)
    records.set_number(user, f"photo#{second}", "size", 1)
    [marker] = records.keys(user, "trash#")
    records.set_number(user, f"photo#{trashed}", "size", 2)
    records.set_number(user, marker, "size", 2)
    records.set_number(user, "month#2001-02", "count", 7)

    repair.wait("--user", user.id)
    records.assert_right(user)
    for name in names:
        shown = user.get(f"/photos/{name}").json()
        assert {member: shown[member] for member in changed} == changed
        assert shown["trashed_at"] == (trashed_at if name == trashed else None)
    # Nobody knows what the bytes of the wrong size were.
    assert [user.get(f"/photos/{name}").json()["sha256"] is None for name in names] == [False, True, True]
