"""The table of photos, as an operator sees it: records, usage, reservations and uploads."""

import os
import time
import uuid
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

    def assert_right(self, user: User, what: object = "") -> None:
        """Checks that records, usage and all that follows from them equal the bucket."""
        stored = self.stored(user)
        assert self.recorded(user) == stored, what
        usage = self.usage(user)
        assert (usage["bytes"], usage["photos"]) == (sum(stored.values()), len(stored)), (what, usage)
        assert (usage["reservedBytes"], usage["reservedPhotos"]) == (0, 0), (what, usage)
        assert self.reservations(user) == [], what
        assert self.keys(user, "uncounted#") == [], what
        records = self.items(user, "photo#")
        visible = [item for item in records if "trashedAt" not in item]
        assert self.months(user) == Counter(_taken_at(item)[:7] for item in visible), what
        markers = sorted(_marker(item) for item in records if "trashedAt" in item)
        assert self.keys(user, "trash#") == markers, what
        hashes = {item["item"]["S"]: item.get("oldest", {}).get("S") for item in self.items(user, "hash#")}
        assert hashes == _groups(visible), what
        for item in records:
            keys = {name: item[name]["S"] for name in (*TIMELINES, "position")}
            assert keys == _index_keys(user, item), what

    def keys(self, user: User, prefix: str) -> list[str]:
        """The range keys of the user's items that begin with a prefix, in order."""
        return [item["item"]["S"] for item in self.items(user, prefix)]

    def wait_until_right(self, users: Iterable[tuple[object, User]], seconds: float = 120) -> None:
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
        visible = (put["PutRequest"]["Item"] for put in puts if "trashedAt" not in put["PutRequest"]["Item"])
        months = Counter(item["takenAt"]["S"][:7] for item in visible)
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

    def age_trash(self, user: User, days: int, *filenames: str) -> None:
        """Makes it look as if these photos had been moved to the trash so many days earlier."""
        for filename in filenames:
            [item] = self.items(user, f"photo#{filename}")
            then = datetime.fromisoformat(item["trashedAt"]["S"]) - timedelta(days=days)
            old = _key(user, _marker(item))
            item["trashedAt"] = {"S": then.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
            self.dynamodb.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": self.table, "Item": item}},
                    {"Delete": {"TableName": self.table, "Key": old}},
                    {
                        "Put": {
                            "TableName": self.table,
                            "Item": _key(user, _marker(item)) | {"size": item["size"]},
                        }
                    },
                    {
                        "Update": {
                            "TableName": self.table,
                            "Key": _key(user, "usage"),
                            "UpdateExpression": "SET trashSince = :since",
                            "ConditionExpression": "attribute_exists(hasTrash)",
                            "ExpressionAttributeValues": {":since": item["trashedAt"]},
                        }
                    },
                ]
            )

    def trash_since(self, user: User) -> str | None:
        """What the schedule goes by; None without a trash."""
        [item] = self.items(user, "usage")
        assert ("hasTrash" in item) == ("trashSince" in item), item
        since: str | None = item.get("trashSince", {}).get("S")
        return since

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

    def uncount(self, user: User, is_reserved: bool) -> None:
        """Makes it look as if a request had recorded the user's photos and died before it counted them. Its
        reservation has expired, or is gone.
        """
        usage, id = self.usage(user), uuid.uuid4()
        amount = {name: {"N": str(usage[name])} for name in ("bytes", "photos")}
        counts = {month: {"N": str(count)} for month, count in self.months(user).items()}
        change = "ADD reservedBytes :bytes, reservedPhotos :photos"
        writes: list[Item] = [
            {
                "Put": {
                    "Item": _key(user, f"uncounted#{id}#{uuid.uuid4()}") | amount | {"months": {"M": counts}}
                }
            },
            *({"Delete": {"Key": _key(user, f"month#{month}")}} for month in counts),
        ]
        if is_reserved:
            past = {"expiresAt": {"N": str(int(time.time()) - 1)}}
            writes.append({"Put": {"Item": _key(user, f"reservation#{id}") | amount | past}})
        else:
            change = "SET #bytes = #bytes - :bytes, photos = photos - :photos"
        update: Item = {
            "Key": _key(user, "usage"),
            "UpdateExpression": change,
            "ExpressionAttributeValues": {f":{name}": value for name, value in amount.items()},
        }
        if not is_reserved:
            update["ExpressionAttributeNames"] = {"#bytes": "bytes"}
        writes.append({"Update": update})
        for write in writes:
            for request in write.values():
                request["TableName"] = self.table
        self.dynamodb.transact_write_items(TransactItems=writes)

    def set_jobs(self, user: User, running: int) -> None:
        """Makes it look as if the user had so many running jobs."""
        self.dynamodb.update_item(
            TableName=self.table,
            Key=_key(user, "usage"),
            UpdateExpression="SET jobs = :jobs",
            ExpressionAttributeValues={
                ":jobs": {"SS": [str(uuid.UUID(int=number)) for number in range(running)]}
            },
        )

    def end_job_lease(self, user: User, id: str) -> None:
        """Ends the leases of calls that were working on the first two lanes of a job."""
        [item] = self.items(user, f"job#{id}")
        for lease in ("lease0", "lease1"):
            if lease in item:
                self.dynamodb.update_item(
                    TableName=self.table,
                    Key=_key(user, f"job#{id}"),
                    UpdateExpression="SET #lease = :past",
                    ExpressionAttributeNames={"#lease": lease},
                    ExpressionAttributeValues={":past": {"S": "2026-01-01T00:00:00.000Z"}},
                )

    def expire_upload(self, user: User, id: str) -> None:
        past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat(timespec="milliseconds")
        self.dynamodb.update_item(
            TableName=self.table,
            Key=_key(user, f"upload#{id}"),
            UpdateExpression="SET expiresAt = :past",
            ConditionExpression="attribute_exists(expiresAt)",
            ExpressionAttributeValues={":past": {"S": past.replace("+00:00", "Z")}},
        )


def record(
    user: User, filename: str, size: int, taken_at: str, favourite: bool = False, trashed_at: str = ""
) -> Item:
    """The item of a photo's record."""
    item = _key(user, f"photo#{filename}") | {
        "size": {"N": str(size)},
        "takenAt": {"S": taken_at},
        "takenAtSource": {"S": "filename"},
    }
    item |= {"favourite": {"BOOL": True}} if favourite else {}
    item |= {"trashedAt": {"S": trashed_at}} if trashed_at else {}
    return item | {name: {"S": value} for name, value in _index_keys(user, item).items()}


def _taken_at(record: Item) -> str:
    taken_at: str = record["chosenTakenAt" if "chosenTakenAt" in record else "takenAt"]["S"]
    return taken_at


def _index_keys(user: User, record: Item) -> dict[str, str]:
    """The keys of the indexes, and the position."""
    filename = record["item"]["S"].removeprefix("photo#")
    name = PHOTO_NAME.fullmatch(filename)
    assert name, filename
    favourite = "favourite" if "favourite" in record else "other"
    trash = "#trash" if "trashedAt" in record else ""
    keys = {
        timeline: user.id + trash + form.format(type=name["type"], favourite=favourite)
        for timeline, form in TIMELINES.items()
    }
    # Local time with milliseconds, whatever the offset.
    taken_at = _taken_at(record)
    time = taken_at[:23] if taken_at[19:20] == "." else taken_at[:19] + ".000"
    return keys | {"position": f"{time}_{filename}"}


def _marker(record: Item) -> str:
    filename = record["item"]["S"].removeprefix("photo#")
    return f"trash#{record['trashedAt']['S']}_{filename}"


def _groups(visible: Iterable[Item]) -> dict[str, str | None]:
    """The items of photos with the same bytes, and the oldest photo of those that name one."""
    groups: dict[str, str | None] = {}
    for item in visible:
        if "sha256" in item:
            group, name = f"hash#{item['sha256']['S']}", item["item"]["S"].removeprefix("photo#")
            groups[f"{group}#{name}"] = None
            groups[group] = min(groups.get(group) or name, name)
    return groups


def _key(user: User, item: str) -> Item:
    return {"user": {"S": user.id}, "item": {"S": item}}
