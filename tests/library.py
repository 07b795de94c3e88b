"""The table of photos, as an operator sees it: records, usage, reservations and uploads."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from service import PHOTO_NAME, User

if TYPE_CHECKING:
    from conftest import Bucket

Item = dict[str, Any]

#: The indexes that order photos by time, and what follows the user in their hash keys.
TIMELINES = {
    "timeline": "",
    "timelineOfType": "#{type}",
    "timelineOfFavourites": "#{favourite}",
    "timelineOfTypeAndFavourites": "#{type}#{favourite}",
}


class Library:
    def __init__(self, aws: Callable[[str], Any], bucket: "Bucket") -> None:
        self.dynamodb, self.bucket = aws("dynamodb"), bucket
        self.table = os.environ["LIBRARY_TABLE"]

    # Reading

    def items(self, user: User, prefix: str) -> list[Item]:
        """The user's items whose range keys begin with a prefix, in order."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.table,
            ConsistentRead=True,
            KeyConditionExpression="#user = :user AND begins_with(#item, :prefix)",
            ExpressionAttributeNames={"#user": "user", "#item": "item"},
            ExpressionAttributeValues={":user": {"S": user.id}, ":prefix": {"S": prefix}},
        )
        return [item for page in pages for item in page["Items"]]

    def usage(self, user: User) -> Counter[str]:
        """The numbers in the user's usage. One that is absent counts as 0."""
        found = self.dynamodb.get_item(
            TableName=self.table, Key=_key(user, "usage"), ConsistentRead=True
        ).get("Item", {})
        return Counter({name: int(value["N"]) for name, value in found.items() if "N" in value})

    def stored(self, user: User) -> dict[str, int]:
        """{name: size} of the user's photos in the bucket."""
        prefix = f"photos/{user.id}/"
        pages = self.bucket.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket.name, Prefix=prefix
        )
        objects = (item for page in pages for item in page.get("Contents", []))
        return {item["Key"].removeprefix(prefix): item["Size"] for item in objects}

    def recorded(self, user: User) -> dict[str, int]:
        """{name: size} of the user's records."""
        items = self.items(user, "photo#")
        return {item["item"]["S"].removeprefix("photo#"): int(item["size"]["N"]) for item in items}

    def reservations(self, user: User) -> list[Item]:
        """The reservations that hold something."""
        found = self.items(user, "reservation#")
        return [item for item in found if (item["bytes"]["N"], item["photos"]["N"]) != ("0", "0")]

    def months(self, user: User) -> dict[str, int]:
        """{month: the number of photos}, without months that have no photos any more."""
        counts = {
            item["item"]["S"].removeprefix("month#"): int(item["count"]["N"])
            for item in self.items(user, "month#")
        }
        return {month: count for month, count in counts.items() if count}

    def assert_right(self, user: User, what: object = "") -> dict[str, int]:
        """Checks that records, usage and months equal the bucket; returns {name: size} of the photos."""
        stored = self.stored(user)
        assert self.recorded(user) == stored, what
        usage = self.usage(user)
        assert (usage["bytes"], usage["photos"]) == (sum(stored.values()), len(stored)), (what, usage)
        assert (usage["reservedBytes"], usage["reservedPhotos"]) == (0, 0), (what, usage)
        assert self.reservations(user) == [], what
        taken = Counter(item["takenAt"]["S"][:7] for item in self.items(user, "photo#"))
        assert self.months(user) == taken, what
        return stored

    def wait_until_right(self, users: Iterable[tuple[object, User]], seconds: float = 40) -> None:
        """Waits until records, usage and months of all users equal the bucket. Each user has a label."""
        left, deadline = list(users), time.monotonic() + seconds
        while left:
            what, user = left[-1]
            try:
                self.assert_right(user, what)
                left.pop()
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    # Writing

    def set_usage(self, user: User, **numbers: int | None) -> None:
        """Sets numbers in the user's usage, and removes those that are None."""
        values = {name: value for name, value in numbers.items() if value is not None}
        sets = ", ".join(f"#{name} = :{name}" for name in values)
        removes = ", ".join(f"#{name}" for name in numbers.keys() - values.keys())
        expressions = (f"SET {sets}" if sets else "", f"REMOVE {removes}" if removes else "")
        self.dynamodb.update_item(
            TableName=self.table,
            Key=_key(user, "usage"),
            UpdateExpression=" ".join(expressions),
            ExpressionAttributeNames={f"#{name}": name for name in numbers},
            **(
                {
                    "ExpressionAttributeValues": {
                        f":{name}": {"N": str(value)} for name, value in values.items()
                    }
                }
                if values
                else {}
            ),
        )

    def leave(self, user: User, room: int, photos: int | None = None) -> None:
        """Makes it look as if the user had used the quota up to these bytes, and to these photos."""
        quota = user.me()["quota"]
        used = {"photos": quota["photos"] - photos} if photos is not None else {}
        self.set_usage(user, bytes=quota["bytes"] - room, **used)

    def add(self, user: User, photos: Iterable[Item]) -> None:
        """Writes records, and counts them as one change. `record` makes them."""
        puts = [{"PutRequest": {"Item": photo}} for photo in photos]
        batches = [puts[at : at + 25] for at in range(0, len(puts), 25)]
        months = Counter(put["PutRequest"]["Item"]["takenAt"]["S"][:7] for put in puts)
        batches += [
            [{"PutRequest": {"Item": _key(user, f"month#{month}") | {"count": {"N": str(count)}}}}]
            for month, count in months.items()
        ]

        def write(batch: list[Item]) -> None:
            left = self.dynamodb.batch_write_item(RequestItems={self.table: batch})["UnprocessedItems"]
            assert not left, "the local cloud writes all items at once"

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, batches))
        size = sum(int(put["PutRequest"]["Item"]["size"]["N"]) for put in puts)
        before = self.usage(user)
        self.set_usage(
            user,
            bytes=before["bytes"] + size,
            photos=before["photos"] + len(puts),
            changes=before["changes"] + 1,
        )

    def set_favourite(self, user: User, filename: str) -> None:
        [item] = self.items(user, f"photo#{filename}")
        taken_at = item["takenAt"]["S"]
        new = record(user, filename, int(item["size"]["N"]), taken_at, favourite=True)
        self.dynamodb.put_item(TableName=self.table, Item=new)

    def expire_reservations(self, user: User) -> int:
        """Moves the end of the user's reservations into the past; returns their number."""
        found = self.reservations(user)
        for item in found:
            self.dynamodb.update_item(
                TableName=self.table,
                Key={"user": item["user"], "item": item["item"]},
                UpdateExpression="SET expiresAt = :past",
                ConditionExpression="attribute_exists(expiresAt)",
                ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
            )
        return len(found)

    def expire_upload(self, user: User, id: str) -> None:
        past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat(timespec="milliseconds")
        self.dynamodb.update_item(
            TableName=self.table,
            Key=_key(user, f"upload#{id}"),
            UpdateExpression="SET expiresAt = :past",
            ConditionExpression="attribute_exists(expiresAt)",
            ExpressionAttributeValues={":past": {"S": past.replace("+00:00", "Z")}},
        )


def record(user: User, filename: str, size: int, taken_at: str, favourite: bool = False) -> Item:
    """The item of a photo's record."""
    name = PHOTO_NAME.fullmatch(filename)
    assert name, filename
    item = _key(user, f"photo#{filename}") | {
        "size": {"N": str(size)},
        "takenAt": {"S": taken_at},
        "takenAtSource": {"S": "filename"},
        "position": {"S": f"{taken_at if '.' in taken_at else taken_at + '.000'}_{filename}"},
    }
    for timeline, form in TIMELINES.items():
        of = form.format(type=name["type"], favourite="favourite" if favourite else "other")
        item[timeline] = {"S": user.id + of}
    return item | ({"favourite": {"BOOL": True}} if favourite else {})


def _key(user: User, item: str) -> Item:
    return {"user": {"S": user.id}, "item": {"S": item}}
