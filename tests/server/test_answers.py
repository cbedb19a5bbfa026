# SPDX-License-Identifier: Apache-2.0
"""What the server answers is what its OpenAPI document says, field by field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema_rs  # schemathesis depends on it
import pytest
from tests.server.running import data_uri

if TYPE_CHECKING:
    from tests.server.running import Server


class Document:
    """The server's description of itself; here no field may come that it does not name."""

    def __init__(self, server: Server) -> None:
        self._paths = (document := server.get("/openapi.json").json())["paths"]
        self._schemas = {
            name: {"additionalProperties": False, **schema}
            for name, schema in document["components"]["schemas"].items()
        }

    def answer(self, verb: str, path: str, status: str = "200") -> str:
        """The name of what a path answers."""
        content = self._paths[path][verb]["responses"][status]["content"]
        return str(content["application/json"]["schema"]["$ref"]).rpartition("/")[2]

    def misfits(self, value: object, name: str) -> list[str]:
        """What of a value is not as the schema of this name has it."""
        root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": self._schemas}}
        return [error.message for error in jsonschema_rs.validator_for(root).iter_errors(value)]


@pytest.fixture(scope="module")
def document(server: Server) -> Document:
    return Document(server)


def chat_body(picture: bytes, **more: Any) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": data_uri(picture)}}
    content = [image, {"type": "text", "text": "OCR:"}]
    return {"messages": [{"role": "user", "content": content}], "max_tokens": 8, **more}


@pytest.mark.parametrize("path", ["/v1/models", "/health"])
def test_what_the_server_says_of_itself(server: Server, document: Document, path: str) -> None:
    answer = server.get(path).json()
    assert document.misfits(answer, document.answer("get", path)) == []


@pytest.mark.parametrize("more", [{}, {"logprobs": True, "tokens": True}])
def test_completion(
    server: Server, document: Document, picture: bytes, more: dict[str, Any]
) -> None:
    path = "/v1/chat/completions"
    answer = server.post(path, json=chat_body(picture, **more)).json()
    assert document.misfits(answer, document.answer("post", path)) == []
    assert ("token_ids" in answer["ppocrvl"][0]) is bool(more)


def test_chunks(server: Server, document: Document, picture: bytes) -> None:
    body = chat_body(picture, stream=True, stream_options={"include_usage": True})
    lines = server.post("/v1/chat/completions", json=body).text.split("\n\n")
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert [document.misfits(one, "Chunk") for one in chunks] == [[]] * len(chunks)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [set(one) - set(chunks[0]) for one in chunks[-2:]] == [{"ppocrvl"}, {"usage"}]


def test_readings(server: Server, document: Document, picture: bytes) -> None:
    pictures = [data_uri(picture), data_uri(b"no picture")]
    body = {"images": pictures, "max_tokens": 8, "html": True, "tokens": True}
    answer = server.post("/v1/ocr", json=body).json()
    assert document.misfits(answer, document.answer("post", "/v1/ocr")) == []
    assert [set(one) >= {"html", "token_ids"} for one in answer["results"]] == [True, False]
    lines = server.post("/v1/ocr", json={**body, "stream": True}).text.splitlines()
    names = {"piece": "PicturePiece", "text": "PictureReading", "error": "PictureError"}
    for line in map(json.loads, lines):
        name = next(names[field] for field in names if field in line)
        assert document.misfits(line, name) == []


def test_refusal(server: Server, document: Document) -> None:
    answer = server.post("/v1/ocr", json={})
    schema = document.answer("post", "/v1/ocr", str(answer.status_code))
    assert document.misfits(answer.json(), schema) == []


def test_document_is_not_content_with_anything(document: Document) -> None:
    """The comparison above finds what is wrong."""
    counts = {"pictures": 0, "limit": 1, "pages": 0, "pages_limit": 1}
    good = {"status": "ok", "model": "a", "version": "1", **counts}
    assert document.misfits(good, "HealthReport") == []
    for bad in ({**good, "pictures": "0"}, {**good, "other": 1}, {**good, "reason": None}, {}):
        assert document.misfits(bad, "HealthReport") != []
