"""What the measured calls and times cost, by AWS's price list."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmark import workloads
from benchmark.report import Results, markdown, median

_PATH = Path(__file__).with_name("prices.json")
# Lambda gives a function with this much memory one whole processor, and one with less its share of it.
_MB_OF_A_PROCESSOR = 1769
_GATEWAY_UNIT = 512 * 1024
# One line for the start of the runtime's report, and ours.
_LOG_BYTES = 700


def read() -> Mapping[str, Any]:
    """The price list."""
    prices: dict[str, Any] = json.loads(_PATH.read_text(encoding="utf-8"))
    return prices


def tables(run: Mapping[str, Any], prices: Mapping[str, Any]) -> str:
    """The cost of a request of each function, and of a user in a month."""
    requests = _requests(run, prices)
    rows = [
        [name, *(f"{part * 1000:.5f}" for part in cost), f"{sum(cost) * 1000:.5f}"]
        for name, cost in requests.items()
    ]
    columns = ["1,000 requests", "gateway", "Lambda", "cloud calls", "logs", "USD"]
    month = prices["user_month"]
    spent = [
        [name, count, f"{count * sum(requests[name]):.6f}"]
        for name, count in month["requests"].items()
        if name in requests
    ]
    spent += [
        ["the user in the pool", 1, f"{prices['cognito_active_user_month']:.6f}"],
        ["GB stored", month["stored_gb"], f"{month['stored_gb'] * prices['s3_gb_month']:.6f}"],
        ["GB downloaded", month["downloaded_gb"], f"{month['downloaded_gb'] * prices['internet_gb']:.6f}"],
    ]
    spent.append(["in all", "", f"{sum(float(row[2]) for row in spent):.6f}"])
    note = f"Prices of {prices['date']}, {prices['region']}, arm64. {prices['note']}\n"
    return "\n".join(
        [
            "\n" + note,
            markdown("Cost of 1,000 requests", columns, rows),
            month["note"] + "\n",
            markdown("A user in a month", ["what", "how many", "USD"], spent),
        ]
    )


class Parts(NamedTuple):
    """The parts of the cost of one event, in USD."""

    gateway: float
    function: float
    calls: float
    logs: float


def _requests(run: Mapping[str, Any], prices: Mapping[str, Any]) -> dict[str, Parts]:
    """The cost of one warm request of each function."""
    works = Results(run).works("warm", "one request")
    memory = run["memory"]
    return {
        name: parts(name, passes, memory[name], prices) for name, passes in works.items() if name in memory
    }


def parts(
    function: str, passes: Sequence[Mapping[str, Any]], memory: int, prices: Mapping[str, Any]
) -> Parts:
    """The cost of one warm event of a function with so many MB of memory."""
    last, wall, cpu = passes[-1], median(passes, "wall_ms"), median(passes, "cpu_ms")
    # For its cloud calls, or for a time.
    waiting = wall - min(cpu, median(passes, "own_ms"))
    # A small function has a share of a processor, on which its own work takes longer than here.
    billed = waiting + cpu * max(1, _MB_OF_A_PROCESSOR / memory)
    by_gateway = function not in workloads.WITHOUT_GATEWAY
    gateway_units = math.ceil(max(last["sent_bytes"], 1) / _GATEWAY_UNIT)
    return Parts(
        gateway_units * prices["http_api_request_512_kib"] if by_gateway else 0.0,
        _invocation(prices, memory, billed),
        _calls(last, prices),
        _LOG_BYTES / 1e9 * prices["log_gb"],
    )


def job(passes: Sequence[Mapping[str, Any]], seconds: float, memory: int, prices: Mapping[str, Any]) -> float:
    """The cost of a job whose workers, with so many MB of memory, are busy for so many seconds in all."""
    return _calls(passes[-1], prices) + float(seconds * memory / 1024 * prices["lambda_gb_second_arm64"])


def _calls(samples: Mapping[str, Any], prices: Mapping[str, Any]) -> float:
    each = prices["calls"]
    calls = sum(count * each.get(call, 0.0) for call, count in samples["calls"].items())
    reads, writes = samples["half_reads"] / 2, samples["writes"]
    return float(calls + reads * each["DynamoDB read unit"] + writes * each["DynamoDB write unit"])


def small_request(prices: Mapping[str, Any], memory: int, milliseconds: float) -> float:
    """The cost of a request to the API without the cloud calls of its function."""
    gateway = float(prices["http_api_request_512_kib"])
    return gateway + _invocation(prices, memory, milliseconds) + _LOG_BYTES / 1e9 * float(prices["log_gb"])


def _invocation(prices: Mapping[str, Any], memory: int, milliseconds: float) -> float:
    seconds = math.ceil(milliseconds) / 1000
    return float(prices["lambda_request"] + seconds * memory / 1024 * prices["lambda_gb_second_arm64"])
