"""schemathesis against the OpenAPI document: whatever it makes up is answered as the document says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tumorlens.web import Settings, create_app

# A made-up body is no scan, and a made-up identifier is nobody's: both are refused, as they should be.
NOT_FOR_MADE_UP_DATA = [positive_data_acceptance]
EXAMPLES = 10
OPERATIONS = 24


@pytest.fixture(scope="module")
def api() -> Iterator[Any]:
    """The document of a server that really listens, on loopback: schemathesis stops applications that it is given."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(Settings(jobs=1, queue=1000)), log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield schemathesis.openapi.from_url(f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1/openapi.json")
    server.should_exit = True
    thread.join(60)


@pytest.mark.parametrize("number", range(OPERATIONS))
def test_an_operation_answers_as_documented(api: Any, number: int) -> None:
    operation = [one.ok() for one in api.get_all_operations()][number]
    has_input = any(True for _ in operation.iter_parameters()) or bool(operation.body)
    # In a form, it renames fields in ways that do not survive its own encoding, and then misses a refusal.
    in_form = [negative_data_rejection] if operation.label == "POST /api/v1/analyses" else []
    excluded = [*NOT_FOR_MADE_UP_DATA, *in_form]

    for mode in [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if has_input else [])]:

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            case.call_and_validate(excluded_checks=excluded)

        check()


def test_every_operation_was_checked(api: Any) -> None:
    assert len(list(api.get_all_operations())) == OPERATIONS


def test_the_document_describes_every_operation_and_its_problems(serve: Callable[..., Any]) -> None:
    document = serve().get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert len(operations) == OPERATIONS
    for one in operations:
        assert one["description"]
        for status, given_ in one["responses"].items():
            if int(status) >= 400:
                (media_type,) = given_["content"]
                assert media_type == "application/problem+json", (one["operationId"], status)
                assert given_["content"][media_type]["example"]["status"] == int(status)
    assert "security" not in document
    locked = serve(token="a-long-enough-secret")
    document = locked.get("/api/v1/openapi.json", headers={"authorization": "Bearer a-long-enough-secret"}).json()
    assert document["security"] == [{"token": []}]
