"""Auctions: creating, listing, showing, bidding."""

import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import auctions
import service
from auctions import MOST, assert_auction, bid, create, cursor, listed, show
from crashes import Victim
from service import Settings, User, assert_problem
from support.events import http_request

UNKNOWN = "0193a000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def seller(make_user: Callable[..., User]) -> User:
    return make_user()


@pytest.fixture(scope="module")
def bidder(make_user: Callable[..., User]) -> User:
    return make_user()


@pytest.fixture(scope="module")
def other(make_user: Callable[..., User]) -> User:
    return make_user()


class TestCreate:
    def test_a_title_is_enough(self, seller: User, settings: Settings) -> None:
        response = seller.post("/auctions", json={"title": "  A lamp\n"})
        auction = response.json()
        assert response.status_code == 201
        assert_auction(auction)
        assert response.headers["location"] == f"{settings.base_url}/auctions/{auction['id']}"
        assert auction["title"] == "A lamp" and auction["description"] is None
        assert (
            auction["status"] == "OPEN" and auction["currency"] == "EUR" and auction["seller"] == seller.name
        )
        assert (
            auction["starting_price"] == 0
            and auction["highest_bid"] is None
            and auction["picture_url"] is None
        )
        created, ending = (datetime.fromisoformat(auction[name]) for name in ("created_at", "ending_at"))
        assert ending - created == timedelta(hours=1)
        assert show(seller, auction) == auction

    def test_every_member_is_kept(self, seller: User) -> None:
        auction = create(
            seller, title="é" * 100, description="ü" * 2000, starting_price=MOST, duration_minutes=10080
        )
        assert (auction["title"], auction["description"], auction["starting_price"]) == (
            "é" * 100,
            "ü" * 2000,
            MOST,
        )
        created, ending = (datetime.fromisoformat(auction[name]) for name in ("created_at", "ending_at"))
        assert ending - created == timedelta(days=7)
        assert show(seller, auction) == auction

    def test_the_body_is_json_whatever_its_type_says(self, seller: User) -> None:
        response = seller.post(
            "/auctions",
            content=b'{"title": "A lamp", "starting_price": 1e2}',
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert (response.status_code, response.json()["starting_price"]) == (201, 100)

    @pytest.mark.parametrize("body", [b"", b"[]", b'"A lamp"', b"title=A", b"{", b"\xff"])
    def test_what_is_no_json_object_cannot_be_read(self, seller: User, body: Any) -> None:
        assert_problem(seller.post("/auctions", content=body), 400)

    @pytest.mark.parametrize(
        "member, value",
        [
            ("title", ""),
            ("title", " \t\n\u00a0"),
            ("title", "x" * 101),
            ("title", 5),
            ("title", None),
            ("description", "x" * 2001),
            ("description", 5),
            ("starting_price", -1),
            ("starting_price", 0.5),
            ("starting_price", "5"),
            ("starting_price", 2**53),
            ("starting_price", 2**63),
            ("starting_price", 1e300),
            ("starting_price", None),
            ("starting_price", True),
            ("duration_minutes", 0),
            ("duration_minutes", 10081),
            ("duration_minutes", 1.5),
            ("duration_minutes", "60"),
            ("durationMinutes", 5),
            ("a/b~c", 5),
        ],
    )
    def test_a_wrong_member_is_named(self, seller: User, member: str, value: Any) -> None:
        pointer = "/" + member.replace("~", "~0").replace("/", "~1")
        assert_problem(seller.post("/auctions", json={"title": "A lamp", member: value}), 422, pointer)

    def test_every_wrong_member_is_named_at_once(self, seller: User) -> None:
        body = {"title": " ", "description": [], "starting_price": -1, "duration_minutes": 0, "price": 5}
        assert_problem(seller.post("/auctions", json=body), 422, *(f"/{name}" for name in body))
        assert_problem(seller.post("/auctions", json={}), 422, "/title")

    def test_the_token_must_name_an_email_address(self, seller: User) -> None:
        response = seller.post(
            "/auctions", json={}, headers={"Authorization": f"Bearer {seller.access_token}"}
        )
        problem = assert_problem(response, 403)
        assert problem["type"].endswith(":email-required") and "`jwt`" in problem["detail"]


class TestLimit:
    def test_a_user_has_at_most_20_open_auctions(self, make_user: Callable[..., User], other: User) -> None:
        user = make_user()

        def try_to_create(_: int) -> httpx.Response:
            return user.post("/auctions", json={"title": "A lamp"})

        with ThreadPoolExecutor(30) as pool:
            responses = list(pool.map(try_to_create, range(30)))
        # A request that met too many others got a 503, and is repeated.
        busy = [response for response in responses if response.status_code == 503]
        responses += map(try_to_create, range(len(busy)))
        created = {response.json()["id"] for response in responses if response.status_code == 201}
        assert len(created) == 20
        assert {response.status_code for response in responses} <= {201, 429, 503}
        problem = assert_problem(try_to_create(0), 429)
        assert problem["type"].endswith(":too-many") and problem["limit"] == 20
        assert problem["detail"] == "You have 20 open auctions. Wait until one of them ends."
        assert self.open_auctions(user) == created
        create(other)  # another user's limit is their own

    @pytest.mark.local_cloud
    def test_each_auction_that_ends_makes_room_for_one(
        self, make_user: Callable[..., User], backstage: auctions.Backstage
    ) -> None:
        user = make_user()
        full = [create(user) for _ in range(20)]
        assert_problem(user.post("/auctions", json={"title": "A lamp"}), 429)
        for auction in full[5:8]:
            backstage.end(auction)
        with ThreadPoolExecutor(6) as pool:
            responses = list(pool.map(lambda _: user.post("/auctions", json={"title": "A vase"}), range(6)))
        created = {response.json()["id"] for response in responses if response.status_code == 201}
        assert sorted(response.status_code for response in responses) == [201] * 3 + [429] * 3
        assert backstage.counted(user) == {auction["id"] for auction in full[:5] + full[8:]} | created

    @pytest.mark.local_cloud
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_creation_that_dies_stores_and_counts_the_auction_or_does_neither(
        self, make_user: Callable[..., User], backstage: auctions.Backstage, tmp_path: Path, when: str
    ) -> None:
        user = make_user()
        calls = Victim(backstage, "auctions_create", tmp_path).run(
            self.creation(user, backstage), "TransactWriteItems", when
        )
        assert calls == ["TransactWriteItems"]
        stored = self.open_auctions(user)
        assert len(stored) == (1 if when == "after" else 0)
        assert backstage.counted(user) == stored

    @pytest.mark.local_cloud
    def test_a_creation_whose_response_from_dynamodb_is_lost_succeeds(
        self, make_user: Callable[..., User], backstage: auctions.Backstage, tmp_path: Path
    ) -> None:
        user = make_user()
        for _ in range(19):
            create(user)
        calls, response = Victim(backstage, "auctions_create", tmp_path).lose_response(
            self.creation(user, backstage), "TransactWriteItems"
        )
        # The first call made the auction the seller's twentieth.
        assert calls == ["TransactWriteItems"] * 2
        assert response["statusCode"] == 201
        assert json.loads(response["body"])["id"] in backstage.counted(user)
        assert len(backstage.counted(user)) == 20

    def open_auctions(self, user: User) -> set[str]:
        pages = listed(user, limit=100)
        return {auction["id"] for page in pages for auction in page if auction["seller"] == user.name}

    def creation(self, user: User, backstage: auctions.Backstage) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {user.id_token}"}
        return http_request("POST /auctions", headers, '{"title": "A lamp"}', stage=backstage.settings.stage)


class TestGet:
    @pytest.mark.parametrize("name", [UNKNOWN, "x", "1", UNKNOWN.replace("-", ""), "%2e%2e", UNKNOWN + "0"])
    def test_an_unknown_auction_is_not_found(self, seller: User, name: str) -> None:
        assert_problem(seller.get(f"/auctions/{name}"), 404)

    def test_everybody_may_see_it_and_nobody_an_address(
        self, seller: User, bidder: User, other: User
    ) -> None:
        auction = create(seller)
        bid(bidder, auction, 5)
        response = other.get(f"/auctions/{auction['id']}")
        assert response.status_code == 200
        for hidden in ("@", seller.email, bidder.email):
            assert hidden not in response.text

    @pytest.mark.parametrize(
        "method, path",
        [
            ("POST", "/auctions"),
            ("GET", "/auctions"),
            ("GET", f"/auctions/{UNKNOWN}"),
            ("PATCH", f"/auctions/{UNKNOWN}/bid"),
            ("PATCH", f"/auctions/{UNKNOWN}/picture"),
        ],
    )
    def test_nobody_gets_in_without_a_token(self, http: httpx.Client, method: str, path: str) -> None:
        assert http.request(method, path).status_code in (401, 403)


@pytest.fixture(scope="module")
def three(seller: User) -> list[dict[str, Any]]:
    """Three auctions that end after most others; the second is the last."""
    return [
        create(seller, title=f"number {minutes}", duration_minutes=minutes)
        for minutes in (10001, 10003, 10002)
    ]


class TestList:
    def test_the_soonest_end_comes_first(self, seller: User, three: list[dict[str, Any]]) -> None:
        ends = [auction["ending_at"] for page in listed(seller, limit=100) for auction in page]
        assert ends == sorted(ends)

    @pytest.mark.parametrize("limit", [1, 2, 7, 100])
    def test_pages_hold_each_auction_once(
        self, seller: User, three: list[dict[str, Any]], limit: Any
    ) -> None:
        pages = listed(seller, limit=limit)
        assert all(len(page) == limit for page in pages[:-1]) and 0 < len(pages[-1]) <= limit
        mine = [
            auction for page in pages for auction in page if auction["id"] in {item["id"] for item in three}
        ]
        assert mine == [three[0], three[2], three[1]]

    def test_an_ended_auction_leaves_the_open_list_and_comes_into_the_closed_one(
        self, seller: User, backstage: auctions.Backstage
    ) -> None:
        auction = create(seller)

        def ids(status: str) -> set[str]:
            pages = listed(seller, status=status, limit=100)
            return {item["id"] for page in pages for item in page}

        assert auction["id"] in ids("OPEN")
        backstage.end(auction)
        assert auction["id"] not in ids("OPEN")
        assert show(seller, auction)["status"] == "CLOSED"
        backstage.close()
        assert auction["id"] in ids("CLOSED")
        assert all(
            item["status"] == "CLOSED" for page in listed(seller, status="CLOSED", limit=100) for item in page
        )

    def test_a_cursor_outlives_the_auction_it_stands_for(
        self, seller: User, three: list[dict[str, Any]], backstage: auctions.Backstage
    ) -> None:
        auction = create(seller, duration_minutes=1)
        ids, following = [], None
        while auction["id"] not in ids:
            response = seller.get(
                "/auctions", params={"limit": 1} | ({"cursor": following} if following else {})
            ).json()
            ids.append(response["auctions"][0]["id"])
            following = response["cursor"]
        ended = backstage.end(auction)
        stale = cursor(f"OPEN {ended} {auction['id']}")
        response = seller.get("/auctions", params={"limit": 100, "cursor": stale})
        assert response.status_code == 200
        assert auction["id"] not in {item["id"] for item in response.json()["auctions"]}

    @pytest.mark.parametrize(
        "parameters",
        [
            {"limit": 0},
            {"limit": 101},
            {"limit": "x"},
            {"limit": -1},
            {"limit": 1.5},
            {"status": "open"},
            {"status": "SOLD"},
            {"cursor": "x"},
            {"cursor": cursor("OPEN")},
            {"cursor": cursor(f"OPEN 2026-11-21T02:03:04Z {UNKNOWN}")},
            {"cursor": cursor(f"CLOSED 2026-11-21T02:03:04.056Z {UNKNOWN}")},
            {"status": "CLOSED", "cursor": cursor(f"OPEN 2026-11-21T02:03:04.056Z {UNKNOWN}")},
        ],
        ids=str,
    )
    def test_wrong_parameters_are_refused(self, seller: User, parameters: dict[str, Any]) -> None:
        assert_problem(seller.get("/auctions", params=parameters), 400)

    def test_a_cursor_that_is_made_up_gets_no_further_than_the_list(
        self, seller: User, three: list[dict[str, Any]]
    ) -> None:
        def ids(**parameters: object) -> set[str]:
            response = seller.get("/auctions", params={"limit": 100, **parameters}).json()
            return {auction["id"] for auction in response["auctions"]}

        # Other tests create auctions at the same time.
        before = ids()
        response = ids(cursor=cursor(f"OPEN 2000-01-01T00:00:00.000Z {UNKNOWN}"))
        assert response and response <= before | ids()


@pytest.fixture(scope="module")
def unsold(seller: User) -> dict[str, Any]:
    """An auction that nobody bids for."""
    return create(seller)


class TestBid:
    def refused(self, response: httpx.Response, kind: str) -> Any:
        problem = assert_problem(response, 409)
        assert problem["type"] == f"urn:yourplace:problem:{kind}"
        return problem

    def test_the_first_bid_is_at_least_the_starting_price(self, seller: User, bidder: User) -> None:
        auction = create(seller, starting_price=500)
        problem = self.refused(bid(bidder, auction, 499), "bid-too-low")
        assert (problem["highest_amount"], problem["minimum_amount"]) == (None, 500)
        response = bid(bidder, auction, 500)
        assert (response.status_code, response.json()["highest_bid"]) == (
            200,
            {"amount": 500, "bidder": bidder.name},
        )
        assert response.json() == auction | {"highest_bid": {"amount": 500, "bidder": bidder.name}}
        assert show(seller, auction) == response.json()

    def test_a_later_bid_is_above_the_highest(self, seller: User, bidder: User, other: User) -> None:
        auction = create(seller)
        assert bid(bidder, auction, 1).status_code == 200
        problem = self.refused(bid(other, auction, 1), "bid-too-low")
        assert (problem["highest_amount"], problem["minimum_amount"]) == (1, 2)
        assert bid(other, auction, MOST).json()["highest_bid"] == {"amount": MOST, "bidder": other.name}
        assert self.refused(bid(bidder, auction, MOST), "bid-too-low")["highest_amount"] == MOST

    def test_the_seller_cannot_bid(self, seller: User) -> None:
        self.refused(bid(seller, create(seller), 5), "own-auction")

    def test_nobody_outbids_themselves(self, seller: User, bidder: User) -> None:
        auction = create(seller)
        bid(bidder, auction, 5)
        self.refused(bid(bidder, auction, 6), "already-highest")
        self.refused(bid(bidder, auction, 4), "already-highest")

    def test_an_ended_auction_takes_no_bid_whoever_asks(
        self, seller: User, bidder: User, backstage: auctions.Backstage
    ) -> None:
        auction = create(seller)
        bid(bidder, auction, 5)
        backstage.end(auction)
        for user, amount in ((seller, 9), (bidder, 9), (bidder, 1)):
            self.refused(bid(user, auction, amount), "auction-closed")
        backstage.close()
        self.refused(bid(bidder, auction, 9), "auction-closed")
        assert show(seller, auction)["highest_bid"]["amount"] == 5

    @pytest.mark.parametrize(
        "amount", [0, -1, 0.5, -0.5, "5", None, True, [5], 2**53, 2**63, 2**64, 1e300], ids=str
    )
    def test_absurd_amounts_are_refused(self, unsold: dict[str, Any], bidder: User, amount: Any) -> None:
        problem = assert_problem(bid(bidder, unsold, amount), 422)
        assert {error["pointer"] for error in problem["errors"]} == {"/amount"}
        assert show(bidder, unsold)["highest_bid"] is None

    def test_the_body_must_be_a_json_object(self, seller: User, bidder: User) -> None:
        path = f"/auctions/{create(seller)['id']}/bid"
        for body in (b"", b"5", b"amount=5", b"[5]"):
            assert_problem(bidder.call("PATCH", path, content=body), 400)
        assert_problem(bidder.call("PATCH", path, json={}), 422, "/amount")
        assert_problem(bidder.call("PATCH", path, json={"amount": 5, "amout": 6}), 422, "/amout")

    def test_an_unknown_auction_is_not_found(self, bidder: User) -> None:
        for name in (UNKNOWN, "x"):
            assert_problem(bid(bidder, {"id": name}, 5), 404)

    def test_the_callers_own_failing_comes_first(self, bidder: User) -> None:
        response = bidder.call(
            "PATCH", "/auctions/x/bid", json={}, headers={"Authorization": f"Bearer {bidder.access_token}"}
        )
        assert assert_problem(response, 403)["type"].endswith(":email-required")

    @pytest.mark.exclusive
    def test_no_bid_is_lost_however_many_come_at_once(
        self,
        seller: User,
        make_user: Callable[..., User],
        settings: Settings,
        rounds: int = 20,
        bidders: int = 60,
    ) -> None:
        auction = create(seller)
        users = [make_user() for _ in range(bidders)]
        chance, taken, highest = random.Random(7), [], None
        with service.client(settings.base_url, timeout=120, connections=bidders) as http:

            def offer(user: User, amount: int) -> tuple[User, int, float, float, httpx.Response]:
                sent = time.monotonic()
                response = service.User(http, user.name, user.id_token).call(
                    "PATCH", f"/auctions/{auction['id']}/bid", json={"amount": amount}
                )
                return user, amount, sent, time.monotonic(), response

            with ThreadPoolExecutor(bidders) as pool:
                for turn in range(rounds):
                    amounts = chance.sample(range(turn * 1000 + 1, turn * 1000 + 1000), bidders)
                    offers = list(pool.map(offer, users, amounts))
                    responses = [
                        (user.name, amount, response.status_code) for user, amount, _, _, response in offers
                    ]
                    assert {status for _, _, status in responses} <= {200, 409}, responses
                    for user, amount, sent, came, response in offers:
                        if response.status_code == 200:
                            assert response.json()["highest_bid"] == {"amount": amount, "bidder": user.name}
                            taken.append((sent, came, amount, user.name))
                        else:
                            kind = response.json()["type"].rpartition(":")[2]
                            assert kind in ("bid-too-low", "already-highest"), response.text
                            if kind == "bid-too-low":
                                assert response.json()["highest_amount"] >= amount
                    # No offer is above the highest, so only the current leader can be refused with it.
                    best_user, best = max(
                        ((user.name, amount) for user, amount, _, _, _ in offers), key=lambda pair: pair[1]
                    )
                    refused = next(response for user, amount, _, _, response in offers if amount == best)
                    if refused.status_code != 200:
                        assert refused.json()["type"].endswith(":already-highest"), (
                            best_user,
                            best,
                            refused.text,
                        )
                    stored = show(seller, auction)["highest_bid"]
                    highest = max(taken, key=lambda bid: bid[2])
                    assert stored == {"amount": highest[2], "bidder": highest[3]}
        print(f"{len(taken)} of {rounds * bidders} bids were taken")
        amounts = [amount for _, _, amount, _ in taken]
        assert len(set(amounts)) == len(amounts)
        # A bid that was accepted before another was sent is lower than the other.
        for _, came, amount, _ in taken:
            assert all(amount < later for sent, _, later, _ in taken if came < sent)
