"""What the tests of auctions need beyond HTTP: time that goes by, the schedule's function, mails."""

import base64
import json
import os
import time
import uuid
from datetime import UTC, datetime, timedelta

from service import TIME

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


def create(user, **members):
    answer = user.post("/auctions", json={"title": "A lamp"} | members)
    assert answer.status_code == 201, answer.text
    return answer.json()


def bid(user, auction, amount):
    return user.call("PATCH", f"/auctions/{auction['id']}/bid", json={"amount": amount})


def show(user, auction):
    answer = user.get(f"/auctions/{auction['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def listed(user, **parameters):
    """All auctions of a list, page by page."""
    cursor, found = None, []
    while True:
        answer = user.get("/auctions", params=parameters | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["auctions"])
        cursor = answer.json()["cursor"]
        if cursor is None:
            return found


def assert_auction(auction):
    assert set(auction) == MEMBERS
    assert uuid.UUID(auction["id"]).version == 7
    assert TIME.fullmatch(auction["created_at"]) and TIME.fullmatch(auction["ending_at"])


def text(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


class Backstage:
    """The tables, queues and functions behind the API, as an operator reaches them. Local cloud only."""

    def __init__(self, aws, settings):
        self.aws, self.settings = aws, settings
        self.dynamodb, self.sqs, self.functions = aws("dynamodb"), aws("sqs"), aws("lambda")
        self.auctions, self.mails = os.environ["AUCTIONS_TABLE"], os.environ["MAILS_TABLE"]
        self.mail_queue, self.dead_queue = os.environ["MAIL_QUEUE_URL"], os.environ["MAIL_DEAD_QUEUE_URL"]

    def item(self, auction):
        return self.dynamodb.get_item(
            TableName=self.auctions, Key={"id": {"S": auction["id"]}}, ConsistentRead=True
        )["Item"]

    def end(self, auction, ago=0.001):
        """As if the time were over."""
        ended = text(datetime.now(UTC) - timedelta(seconds=ago))
        self.dynamodb.update_item(
            TableName=self.auctions,
            Key={"id": {"S": auction["id"]}},
            UpdateExpression="SET endingAt = :ended",
            ExpressionAttributeValues={":ended": {"S": ended}},
        )
        return ended

    def end_lease(self, mail):
        """As if a claimed mail's lease were over."""
        self.dynamodb.update_item(
            TableName=self.mails,
            Key={"id": {"S": mail}},
            UpdateExpression="SET leaseUntil = :now",
            ExpressionAttributeValues={":now": {"S": text(datetime.now(UTC))}},
        )

    def claim(self, mail):
        return self.dynamodb.get_item(TableName=self.mails, Key={"id": {"S": mail}}).get("Item", {})

    def name(self, function):
        return f"yourplace-{self.settings.stage}-{function}"

    def invoke(self, function, event):
        answer = self.functions.invoke(FunctionName=self.name(function), Payload=json.dumps(event))
        result = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, result
        return result

    def close(self):
        """What the schedule does every minute."""
        return self.invoke("process_auctions", {})

    def send(self, *mails):
        """What the queue does; the ids of those that it keeps."""
        return [
            failure["itemIdentifier"]
            for failure in self.invoke("send_mail", queued(*mails))["batchItemFailures"]
        ]

    def dead_letters(self):
        """{body: reason} of all dead letters."""
        found = {}
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


def mail_to(address, **members):
    """A mail as `process_auctions` queues it."""
    mail = {
        "auction": str(uuid.uuid4()),
        "role": "seller",
        "to": address,
        "title": "A lamp",
        "currency": "EUR",
        "sale": None,
    }
    return mail | members


def queued(*mails):
    """What Lambda hands to `send_mail`: "Using Lambda with Amazon SQS", example event."""
    return {
        "Records": [
            {
                "messageId": str(at),
                "receiptHandle": "made-by-hand",
                "body": mail if isinstance(mail, str) else json.dumps(mail),
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "made-by-hand",
                "awsRegion": "eu-central-1",
            }
            for at, mail in enumerate(mails)
        ]
    }


def wait_for(what, seconds=30, often=0.2):
    """Waits until `what()` is true; gives it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(often)
    return found


def cursor(words):
    return base64.urlsafe_b64encode(words.encode()).rstrip(b"=").decode()
