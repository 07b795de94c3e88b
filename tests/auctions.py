"""What the auction tests need beyond HTTP: to end auctions early, run the schedule, and read emails."""

import json
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

import tokens
from service import TIME, Settings, User
from support import events

MEMBERS = {
    "id",
    "title",
    "description",
    "status",
    "created_at",
    "ending_at",
    "seller",
    "currency",
    "starting_price",
    "highest_bid",
    "picture_url",
}
MOST = 2**53 - 1
T = TypeVar("T")


def create(user: User, **members: object) -> dict[str, Any]:
    response = user.post("/auctions", json={"title": "A lamp", **members})
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


def bid(user: User, auction: dict[str, Any], amount: object) -> httpx.Response:
    return user.call("PATCH", f"/auctions/{auction['id']}/bid", json={"amount": amount})


def show(user: User, auction: dict[str, Any]) -> dict[str, Any]:
    response = user.get(f"/auctions/{auction['id']}")
    assert response.status_code == 200, response.text
    shown: dict[str, Any] = response.json()
    return shown


def listed(user: User, **parameters: object) -> list[list[dict[str, Any]]]:
    """The auctions on each page of a list."""
    cursor, found = None, []
    while True:
        response = user.get("/auctions", params=parameters | ({"cursor": cursor} if cursor else {}))
        assert response.status_code == 200, response.text
        found.append(response.json()["auctions"])
        cursor = response.json()["cursor"]
        if cursor is None:
            return found


def assert_auction(auction: dict[str, Any]) -> None:
    assert set(auction) == MEMBERS
    assert uuid.UUID(auction["id"]).version == 7
    assert TIME.fullmatch(auction["created_at"]) and TIME.fullmatch(auction["ending_at"])


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


class Backstage:
    """Access to the tables, queues and functions behind the API. Local cloud only."""

    def __init__(self, aws: Callable[[str], Any], settings: Settings) -> None:
        self.aws, self.settings = aws, settings
        self.dynamodb, self.sqs, self.functions = aws("dynamodb"), aws("sqs"), aws("lambda")
        self.auctions, self.mails = os.environ["AUCTIONS_TABLE"], os.environ["MAILS_TABLE"]
        self.library = os.environ["LIBRARY_TABLE"]
        self.photo_queue, self.index_queue = os.environ["PHOTOS_QUEUE_URL"], os.environ["INDEX_QUEUE_URL"]
        self.mail_queue, self.dead_queue = os.environ["MAIL_QUEUE_URL"], os.environ["MAIL_DEAD_QUEUE_URL"]

    def item(self, auction: dict[str, Any]) -> dict[str, Any]:
        found = self.dynamodb.get_item(
            TableName=self.auctions, Key={"id": {"S": auction["id"]}}, ConsistentRead=True
        )
        item: dict[str, Any] = found["Item"]
        return item

    def handle(self, user: User) -> str | None:
        """The generated handle that is stored for a user; None without one."""
        key = {"user": {"S": user.id}, "item": {"S": "handle"}}
        item = self.dynamodb.get_item(TableName=self.library, Key=key, ConsistentRead=True).get("Item")
        return item["handle"]["S"] if item else None

    def end(self, auction: dict[str, Any], ago: float = 0.001) -> str:
        """Moves the end of an auction into the past; returns the new end. `ago` is in seconds."""
        ended = text(datetime.now(UTC) - timedelta(seconds=ago))
        old = self.dynamodb.update_item(
            TableName=self.auctions,
            Key={"id": {"S": auction["id"]}},
            UpdateExpression="SET endingAt = :ended",
            ExpressionAttributeValues={":ended": {"S": ended}},
            ReturnValues="ALL_OLD",
        )["Attributes"]
        # The seller's set of open auctions has the end, too.
        for action, end in (("DELETE", old["endingAt"]["S"]), ("ADD", ended)):
            self.dynamodb.update_item(
                TableName=self.library,
                Key={"user": old["seller"], "item": {"S": "auctions"}},
                UpdateExpression=f"{action} #open :member",
                ExpressionAttributeNames={"#open": "open"},
                ExpressionAttributeValues={":member": {"SS": [f"{end}#{auction['id']}"]}},
            )
        return ended

    def counted(self, user: User) -> set[str]:
        """The ids of the auctions that count towards a user's limit."""
        key = {"user": {"S": user.id}, "item": {"S": "auctions"}}
        found = self.dynamodb.get_item(TableName=self.library, Key=key, ConsistentRead=True)
        members = found.get("Item", {}).get("open", {"SS": []})["SS"]
        return {member.partition("#")[2] for member in members}

    def end_lease(self, mail: str) -> None:
        """Ends the lease on an email that a function claimed."""
        self.dynamodb.update_item(
            TableName=self.mails,
            Key={"id": {"S": mail}},
            UpdateExpression="SET leaseUntil = :now",
            ExpressionAttributeValues={":now": {"S": text(datetime.now(UTC))}},
        )

    def end_upload_lease(self, user: User, upload: str) -> None:
        """Ends the lease of a call that was checking an upload, if it still has one."""
        self.dynamodb.update_item(
            TableName=self.library,
            Key={"user": {"S": user.id}, "item": {"S": f"upload#{upload}"}},
            UpdateExpression="SET leaseUntil = :now",
            ExpressionAttributeValues={":now": {"S": text(datetime.now(UTC))}},
        )

    def claim(self, mail: str) -> dict[str, Any]:
        found = self.dynamodb.get_item(TableName=self.mails, Key={"id": {"S": mail}})
        item: dict[str, Any] = found.get("Item", {})
        return item

    def name(self, function: str) -> str:
        return f"yourplace-{self.settings.stage}-{function}"

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        response = self.functions.invoke(
            FunctionName=self.name(function), Qualifier="live", Payload=json.dumps(event)
        )
        result = json.loads(response["Payload"].read())
        assert "FunctionError" not in response, result
        return result

    def close(self) -> Any:
        """Runs the function that the schedule runs every minute."""
        return self.invoke("process_auctions", {})

    def send(self, *mails: str | dict[str, Any]) -> list[str]:
        """Runs the function that the queue calls; returns the ids of the messages that stay in the queue."""
        return [
            failure["itemIdentifier"]
            for failure in self.invoke("send_mail", queued(*mails))["batchItemFailures"]
        ]

    def dead_letters(self) -> dict[str, Any]:
        """All dead letters, as {body: reason}."""
        found: dict[str, Any] = {}
        while messages := self.sqs.receive_message(
            QueueUrl=self.dead_queue,
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            MessageAttributeNames=["All"],
        ).get("Messages"):
            new = {
                message["Body"]: message.get("MessageAttributes", {}).get("reason", {}).get("StringValue")
                for message in messages
            }
            if new.keys() <= found.keys():
                return found
            found |= new
        return found


def mail_to(address: str, **members: object) -> dict[str, Any]:
    """An email as `process_auctions` queues it."""
    mail = {
        "auction": str(uuid.uuid4()),
        "role": "seller",
        "to": address,
        "title": "A lamp",
        "currency": "EUR",
        "sale": None,
    }
    return mail | members


def queued(*mails: str | dict[str, Any]) -> dict[str, Any]:
    """The emails as Lambda hands them to `send_mail`; a message's id is its position."""
    bodies = (mail if isinstance(mail, str) else json.dumps(mail) for mail in mails)
    return events.sqs_messages("mail", [(str(at), body) for at, body in enumerate(bodies)])


def wait_for(what: Callable[[], T], seconds: float = 120, often: float = 0.2) -> T:
    """Waits until `what()` is true, and returns it. `seconds` and `often` are in seconds."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(often)
    return found


def cursor(words: str) -> str:
    return tokens.encode(words.encode())
