"""Auctions that end: they are closed, and each email is sent once."""

import json
import os
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import auctions
from auctions import bid, create, mail_to, queued, show, text, wait_for
from conftest import unique
from crashes import Victim
from service import Settings, User, sent_mails

pytestmark = pytest.mark.local_cloud


@pytest.fixture
def seller(make_user: Callable[..., User]) -> User:
    return make_user()


@pytest.fixture
def bidder(make_user: Callable[..., User]) -> User:
    return make_user()


@pytest.fixture(scope="module")
def victim(
    backstage: auctions.Backstage, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Victim]:
    folder = tmp_path_factory.mktemp("programs")
    return lambda function: Victim(backstage, function, folder)


def sold(seller: User, bidder: User, backstage: auctions.Backstage, **members: object) -> dict[str, Any]:
    """An auction that has ended with a bid."""
    auction = create(seller, **members)
    assert bid(bidder, auction, 1250).status_code == 200
    backstage.end(auction)
    return auction


def address() -> str:
    return f"{unique('mail')}@example.com"


class TestWords:
    def test_seller_and_winner_are_told(
        self, seller: User, bidder: User, backstage: auctions.Backstage, inbox: Callable[[str], list[Any]]
    ) -> None:
        auction = sold(seller, bidder, backstage, title="A <b>lamp</b> & more")
        assert backstage.close()["failed"] == 0
        (to_seller,) = wait_for(lambda: inbox(seller.email))
        (to_bidder,) = wait_for(lambda: inbox(bidder.email))
        assert to_seller["Subject"] == "Sold: A <b>lamp</b> & more"
        assert f"The winner is {bidder.name} with a bid of EUR 12.50." in to_seller["BodyText"]
        assert to_bidder["Subject"] == "You won: A <b>lamp</b> & more"
        assert "You won it with your bid of EUR 12.50." in to_bidder["BodyText"]
        for mail in (to_seller, to_bidder):
            assert "A &lt;b&gt;lamp&lt;/b&gt; &amp; more" in mail["BodyHtml"]
            assert "<b>" not in mail["BodyHtml"] and auction["id"] in mail["BodyText"]
            assert mail["Source"] == "no-reply@yourplace.example"
        for hidden in (seller.email, bidder.email):
            assert not any(
                hidden in mail[part]
                for mail in (to_seller, to_bidder)
                for part in ("BodyText", "BodyHtml", "Subject")
            )

    def test_without_bids_the_seller_alone_is_told(
        self, seller: User, backstage: auctions.Backstage, inbox: Callable[[str], list[Any]]
    ) -> None:
        auction = create(seller)
        backstage.end(auction)
        backstage.close()
        (mail,) = wait_for(lambda: inbox(seller.email))
        assert mail["Subject"] == "No bids: A lamp" and "There were no bids." in mail["BodyText"]
        assert backstage.claim(f"{auction['id']}:bidder") == {}

    def test_no_title_keeps_its_auction_open(
        self, seller: User, backstage: auctions.Backstage, inbox: Callable[[str], list[Any]]
    ) -> None:
        auction = create(seller, title="a\nb\0 \uffff \ufffe é 🏳️‍🌈 " + "\u0001" * 80)
        backstage.end(auction)
        assert backstage.close()["failed"] == 0
        (mail,) = wait_for(lambda: inbox(seller.email))
        assert mail["Subject"].startswith("No bids: a b ") and "é 🏳️‍🌈" in mail["Subject"]

    def test_only_the_last_highest_bidder_is_told(
        self,
        seller: User,
        bidder: User,
        make_user: Callable[..., User],
        backstage: auctions.Backstage,
        inbox: Callable[[str], list[Any]],
    ) -> None:
        auction, last = create(seller), make_user()
        bid(bidder, auction, 5)
        bid(last, auction, 6)
        backstage.end(auction)
        backstage.close()
        wait_for(lambda: inbox(last.email))
        assert inbox(bidder.email) == []

    def test_no_log_has_an_address(
        self,
        seller: User,
        bidder: User,
        backstage: auctions.Backstage,
        aws: Callable[[str], Any],
        inbox: Callable[[str], list[Any]],
    ) -> None:
        sold(seller, bidder, backstage)
        backstage.close()
        wait_for(lambda: inbox(bidder.email))
        logs = aws("logs")
        for function in ("auctions_create", "auctions_bid", "process_auctions", "send_mail"):
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=f"/aws/lambda/{backstage.name(function)}"
            )
            lines = [event["message"] for page in pages for event in page["events"]]
            assert lines and not any("@example.com" in line for line in lines), function


class TestOnce:
    @pytest.mark.exclusive
    def test_the_schedule_closes_an_auction_by_itself(
        self, seller: User, bidder: User, backstage: auctions.Backstage, inbox: Callable[[str], list[Any]]
    ) -> None:
        auction = sold(seller, bidder, backstage)
        # The schedule runs every minute.
        wait_for(lambda: len(inbox(seller.email)) == len(inbox(bidder.email)) == 1, seconds=180, often=1)
        assert show(seller, auction)["status"] == "CLOSED"

    def test_runs_at_once_send_each_mail_once(
        self, seller: User, bidder: User, backstage: auctions.Backstage, inbox: Callable[[str], list[Any]]
    ) -> None:
        auctions = [sold(seller, bidder, backstage, title=f"number {at}") for at in range(7)]
        with ThreadPoolExecutor(4) as pool:
            reports = list(pool.map(lambda _: backstage.close(), range(4)))
        assert all(report["failed"] == 0 and report["finished"] for report in reports), reports
        assert all(backstage.item(auction)["status"]["S"] == "CLOSED" for auction in auctions)
        wait_for(lambda: len(inbox(seller.email)) >= 7 and len(inbox(bidder.email)) >= 7)
        time.sleep(3)  # time for emails that must not come
        for receiver in (seller, bidder):
            assert len({mail["Subject"] for mail in inbox(receiver.email)}) == len(inbox(receiver.email)) == 7

    def test_a_repeated_message_sends_nothing(
        self, backstage: auctions.Backstage, inbox: Callable[[str], list[Any]]
    ) -> None:
        mail = mail_to(address())
        assert backstage.send(mail, mail) == []
        assert backstage.send(mail) == []
        assert len(inbox(mail["to"])) == 1
        claim = backstage.claim(f"{mail['auction']}:seller")
        assert claim["state"]["S"] == "sent"
        assert 29 < (int(claim["expiresAt"]["N"]) - time.time()) / 86400 <= 30

    def test_one_message_at_many_places_at_once_sends_once(
        self, backstage: auctions.Backstage, inbox: Callable[[str], list[Any]]
    ) -> None:
        mail = mail_to(address())
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: backstage.send(mail), range(8)))
        assert len(inbox(mail["to"])) == 1


class TestCrashes:
    @pytest.mark.parametrize("call, when", [("SendMessageBatch", "before"), ("SendMessageBatch", "after")])
    def test_process_auctions_killed_at_the_queue_loses_and_repeats_nothing(
        self,
        seller: User,
        bidder: User,
        backstage: auctions.Backstage,
        inbox: Callable[[str], list[Any]],
        victim: Callable[[str], Victim],
        call: str,
        when: str,
    ) -> None:
        auction = sold(seller, bidder, backstage)
        victim("process_auctions").run({}, call, when)
        assert "settledAt" in backstage.item(auction)
        backstage.close()
        assert backstage.item(auction)["status"]["S"] == "CLOSED"
        wait_for(lambda: inbox(seller.email) and inbox(bidder.email))
        time.sleep(3)  # time for emails that must not come
        assert (len(inbox(seller.email)), len(inbox(bidder.email))) == (1, 1)

    def test_send_mail_killed_between_claiming_and_sending_sends_once(
        self,
        backstage: auctions.Backstage,
        inbox: Callable[[str], list[Any]],
        victim: Callable[[str], Victim],
    ) -> None:
        mail = mail_to(address())
        calls = victim("send_mail").run(queued(mail), "SendEmail", "before")
        assert calls == ["UpdateItem", "SendEmail"] and inbox(mail["to"]) == []
        assert backstage.send(mail) == ["0"], "while the lease lasts, the message goes back"
        assert inbox(mail["to"]) == []
        backstage.end_lease(f"{mail['auction']}:seller")
        assert backstage.send(mail) == []
        assert len(inbox(mail["to"])) == 1

    def test_send_mail_killed_between_sending_and_marking_sends_twice(
        self,
        backstage: auctions.Backstage,
        inbox: Callable[[str], list[Any]],
        victim: Callable[[str], Victim],
    ) -> None:
        """SES has no idempotent send: after the lease, nobody can tell that the email was sent."""
        mail = mail_to(address())
        victim("send_mail").run(queued(mail), "SendEmail", "after")
        assert len(inbox(mail["to"])) == 1
        assert backstage.send(mail) == ["0"]
        backstage.end_lease(f"{mail['auction']}:seller")
        assert backstage.send(mail) == []
        assert backstage.send(mail) == []
        assert len(inbox(mail["to"])) == 2

    def test_send_mail_killed_after_marking_sends_once(
        self,
        backstage: auctions.Backstage,
        inbox: Callable[[str], list[Any]],
        victim: Callable[[str], Victim],
    ) -> None:
        mail = mail_to(address())
        victim("send_mail").run(queued(mail), "UpdateItem", "after", nth=2)
        assert backstage.send(mail) == []
        assert len(inbox(mail["to"])) == 1


class TestRefusals:
    def test_a_mail_that_ses_refuses_goes_to_the_dead_letters_with_its_reason(
        self, backstage: auctions.Backstage, inbox: Callable[[str], list[Any]]
    ) -> None:
        refused, fine = mail_to("not an address"), mail_to(address())
        assert backstage.send(refused, fine) == []
        assert backstage.dead_letters()[json.dumps(refused)].startswith("InvalidParameterValue")
        assert len(inbox(fine["to"])) == 1

    def test_what_is_no_mail_goes_to_the_dead_letters(self, backstage: auctions.Backstage) -> None:
        body = f"no mail {uuid.uuid4()}"
        assert backstage.send(body) == []
        assert backstage.dead_letters()[body] == "not an email of this service"

    def test_a_refused_mail_can_be_sent_when_it_is_put_right(
        self, backstage: auctions.Backstage, inbox: Callable[[str], list[Any]]
    ) -> None:
        mail = mail_to("not an address")
        assert backstage.send(mail) == []
        right = mail | {"to": address()}
        assert backstage.send(right) == []
        assert len(inbox(right["to"])) == 1


@pytest.mark.exclusive
def test_many_auctions_that_end_in_the_same_minute_are_all_closed_and_mailed(
    seller: User,
    bidder: User,
    backstage: auctions.Backstage,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """AUCTIONS_AT_ONCE sets the number: 1,000 take one to two minutes."""
    many = int(os.environ.get("AUCTIONS_AT_ONCE", "100"))
    auction = create(seller)
    assert bid(bidder, auction, 1250).status_code == 200
    item, mark = backstage.item(auction), unique()
    ended = datetime.now(UTC) - timedelta(seconds=1)
    ids = [str(uuid.uuid4()) for _ in range(many)]
    puts = [
        {
            "PutRequest": {
                "Item": item
                | {
                    "id": {"S": id},
                    "endingAt": {"S": text(ended + timedelta(milliseconds=at % 1000))},
                    "sellerEmail": {"S": f"{mark}-seller-{at}@example.com"},
                    "highestBidderEmail": {"S": f"{mark}-bidder-{at}@example.com"},
                }
            }
        }
        for at, id in enumerate(ids)
    ]
    for at in range(0, many, 25):
        assert not backstage.dynamodb.batch_write_item(RequestItems={backstage.auctions: puts[at : at + 25]})[
            "UnprocessedItems"
        ]

    def left() -> int:
        response = backstage.dynamodb.query(
            TableName=backstage.auctions,
            IndexName="statusAndEndDate",
            Select="COUNT",
            KeyConditionExpression="#status = :open AND endingAt <= :now",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":open": {"S": "OPEN"}, ":now": {"S": text(datetime.now(UTC))}},
        )
        return int(response["Count"])

    def mails() -> list[str]:
        receivers = (mail["To"][0] for mail in sent_mails(settings))
        return [receiver for receiver in receivers if receiver.startswith(mark)]

    started, runs = time.monotonic(), 0
    while left():
        report = backstage.close()
        runs += 1
        assert report["failed"] == 0
        assert runs < 10
    closed = time.monotonic()
    wait_for(lambda: len(mails()) >= 2 * many, seconds=600, often=2)
    mailed = time.monotonic()
    time.sleep(5)  # time for emails that must not come
    assert sorted(mails()) == sorted(
        f"{mark}-{role}-{at}@example.com" for at in range(many) for role in ("seller", "bidder")
    )
    with capsys.disabled():
        print(f"\n{many} auctions: closed in {closed - started:.1f} s by {runs} runs,", end=" ")
        print(f"all mailed after {mailed - started:.1f} s")
