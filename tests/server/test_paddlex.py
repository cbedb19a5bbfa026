# SPDX-License-Identifier: Apache-2.0
"""POST /layout-parsing and /restructure-pages, by the schemas and results of PaddleX 3.7.2.

make_paddlex_golden.py wrote those down, and checks the same exchanges by PaddleX's own models.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from tests.parsing.fakes import TrueReader, result
from tests.parsing.made import region
from tests.parsing.sources.pdf_writer import pdf, text
from tests.server.in_process import make_document_state, run
from tests.server.painted import png, tiff

if TYPE_CHECKING:
    import httpx2
    import numpy as np
    import numpy.typing as npt

    from ppocrvl.layout.region import Region
    from ppocrvl.requests.request import Request

GOLDEN = Path(__file__).with_name("paddlex_golden.json.gz")
KINDS = ("layout-parsing", "restructure-pages")
_numbers = itertools.count()


@cache
def golden() -> Any:
    return json.loads(gzip.decompress(GOLDEN.read_bytes()))


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Mixed:
    """A layout with a heading, a text, a figure, and a table over the page's whole width."""

    def detect(self, image: npt.NDArray[np.uint8]) -> list[Region]:
        height, width = image.shape[:2]
        labels = ("paragraph_title", "text", "image", "table")
        step = height // len(labels)
        return [
            region(label, (0, number * step, width, (number + 1) * step), number)
            for number, label in enumerate(labels)
        ]


def read(request: Request) -> str:
    return "<fcel>a<fcel>b<nl>" if request.task == "table" else "1.1 Words"


class TaskReader(TrueReader):
    """An answer for each task."""

    def submit(self, image: Request) -> Any:
        self.answer = lambda _: result(read(image))
        return super().submit(image)


def exchange(
    kind: str, body: Any, folder: Path | None = None, *, layout: Any = None, **limits: Any
) -> Any:
    """The answer's JSON, which has the schema that it must have. Both are left in the folder."""
    answers: list[httpx2.Response] = []
    state = make_document_state(TaskReader(), layout or Mixed(), **limits)

    async def talk(client: httpx2.AsyncClient) -> None:
        answers.append(await client.post(f"/{kind}", json=body))

    run(state, talk)
    values = answers[0].json()
    of_answer = f"{kind} answer" if answers[0].is_success else "failure"
    kept = [(of_answer, values), *([(f"{kind} request", body)] if answers[0].is_success else [])]
    for name, one in kept:
        jsonschema.validate(one, golden()["schemas"][name])
        if folder is not None:
            path = folder / f"exchange-{next(_numbers)}.json"
            path.write_text(json.dumps({"kind": name, "values": one}))
    if not answers[0].is_success:
        assert values["errorCode"] == answers[0].status_code
    return values


FILES = {
    "image": base64_of(png(3, 8)),
    "tiff": base64_of(tiff(8, 8)),
    "pdf": base64_of(pdf(text("Words"))),
}
MANY = {
    "useDocOrientationClassify": False,
    "useDocUnwarping": False,
    "useLayoutDetection": True,
    "useChartRecognition": True,
    "useSealRecognition": True,
    "useOcrForImageBlock": True,
    "layoutShapeMode": "auto",
    "formatBlockContent": True,
    "repetitionPenalty": 1.1,
    "temperature": 0.0,
    "topP": 1.0,
    "minPixels": 1000,
    "maxPixels": 100_000,
    "maxNewTokens": 100,
    "mergeLayoutBlocks": False,
    "markdownIgnoreLabels": ["table"],
    "prettifyMarkdown": False,
    "showFormulaNumber": True,
    "returnMarkdownImages": False,
    "restructurePages": True,
    "visualize": False,
    "logId": "mine",
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("more", [{}, MANY], ids=["usual", "many"])
def test_exchanges_of_documents(tmp_path: Path, kind: str, more: dict[str, Any]) -> None:
    body = {"file": FILES[kind], "fileType": 0 if kind == "pdf" else 1, **more}
    values = exchange("layout-parsing", body, tmp_path)
    facts = values["result"]["dataInfo"]
    pages = values["result"]["layoutParsingResults"]
    assert facts["type"] == kind
    assert len(pages) == (2 if kind == "tiff" else 1)
    assert values["logId"] == ("mine" if more else values["logId"])
    for page in pages:
        labels = [one["block_label"] for one in page["prunedResult"]["parsing_res_list"]]
        assert labels == ["paragraph_title", "text", "image", "table"]
        assert "page_index" not in page["prunedResult"]
        assert ("images" in page["markdown"]) is not bool(more)
        assert ("inputImage" in page) is not bool(more)


def test_what_stands_in_a_page() -> None:
    body = {"file": FILES["image"], "fileType": 1}
    (page,) = exchange("layout-parsing", body)["result"]["layoutParsingResults"]
    blocks = page["prunedResult"]["parsing_res_list"]
    assert blocks[3]["block_content"] == "<table><tr><td>a</td><td>b</td></tr></table>"
    assert blocks[3]["block_order"] is None
    assert "global_block_id" not in blocks[0]
    name = "imgs/img_in_image_box_0_48_40_72.jpg"
    assert list(page["markdown"]["images"]) == [name]
    assert f'src="{name}"' in page["markdown"]["text"]
    assert page["markdown"]["text"].startswith("### 1.1 Words\n\n")
    assert page["prunedResult"]["model_settings"]["use_chart_recognition"] is False
    for image in (page["inputImage"], page["outputImages"]["layout_det_res"]):
        assert base64.b64decode(image).startswith(b"\xff\xd8")


def test_pages_in_relation() -> None:
    body = {"file": FILES["tiff"], "restructurePages": True, "visualize": False}
    pages = exchange("layout-parsing", body)["result"]["layoutParsingResults"]
    ids = [
        [
            (one["global_block_id"], one["global_group_id"])
            for one in page["prunedResult"]["parsing_res_list"]
        ]
        for page in pages
    ]
    assert ids == [[(n, n) for n in range(4)], [(n, n) for n in range(4, 8)]]
    assert pages[0]["markdown"]["text"].startswith("## 1.1 Words")


def test_a_page_as_one_block() -> None:
    body = {"file": FILES["image"], "useLayoutDetection": False, "promptLabel": "table"}
    (page,) = exchange("layout-parsing", body)["result"]["layoutParsingResults"]
    (block,) = page["prunedResult"]["parsing_res_list"]
    assert block["block_label"] == "table"
    assert block["block_content"].startswith("<table>")


def test_formatted_contents() -> None:
    body = {"file": FILES["image"], "formatBlockContent": True}
    (page,) = exchange("layout-parsing", body)["result"]["layoutParsingResults"]
    assert page["prunedResult"]["parsing_res_list"][0]["block_content"] == "### 1.1 Words"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "file"),
        ({"file": 7}, "file"),
        ({"file": "no base64"}, "base64"),
        ({"file": ""}, "empty"),
        ({"file": "https://example.com/a.pdf"}, "does not fetch"),
        ({"file": "/etc/passwd"}, ""),
        ({"file": base64_of(b"noise")}, ""),
        ({"file": FILES["image"], "fileType": 2}, "fileType"),
        ({"file": FILES["image"], "useDocUnwarping": True}, "useDocUnwarping"),
        ({"file": FILES["image"], "outputFormats": ["docx"]}, "outputFormats"),
        ({"file": FILES["image"], "vlmExtraArgs": {"a": 1}}, "vlmExtraArgs"),
        ({"file": FILES["image"], "promptLabel": "ocr"}, "promptLabel"),
        ({"file": FILES["image"], "layoutThreshold": 2}, "layoutThreshold"),
        ({"file": FILES["image"], "layoutThreshold": 0.5}, "leave the options of layout out"),
        ({"file": FILES["image"], "minPixels": 0}, "minPixels"),
        ({"file": FILES["image"], "topP": 0}, "topP"),
        ({"pages": []}, "file"),
        ([], "JSON object"),
    ],
)
def test_bad_requests(body: Any, said: str) -> None:
    values = exchange("layout-parsing", body)
    assert values["errorCode"] == 422
    assert said in values["errorMsg"]


def test_limits() -> None:
    body = {"file": FILES["tiff"], "logId": "mine"}
    values = exchange("layout-parsing", body, max_pages=1)
    assert (values["errorCode"], values["logId"]) == (422, "mine")
    assert "over the limit of 1" in values["errorMsg"]


def test_options_of_the_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    import ppocrvl

    asked: list[Any] = []

    def note(_: ppocrvl.Layout, **options: Any) -> Any:
        asked.append(options)
        return Mixed()

    monkeypatch.setattr(ppocrvl.Layout, "with_options", note)
    body = {
        "file": FILES["image"],
        "layoutThreshold": {"21": 0.4, "text": 0.5},
        "layoutUnclipRatio": [1.0, 1.1],
        "layoutMergeBboxesMode": "large",
        "layoutNms": False,
        "layoutShapeMode": "rect",
    }
    with ppocrvl.Layout() as layout:
        exchange("layout-parsing", body, layout=layout)
        labels = layout.labels
    (options,) = asked
    assert options == {
        "threshold": {"table": 0.4, "text": 0.5},
        "shape_mode": "rect",
        "unclip": (1.0, 1.1),
        "merge_modes": dict.fromkeys(labels, "large"),
        "nms": False,
    }


def test_exchanges_of_pages_as_paddlex_restructures_them(tmp_path: Path) -> None:
    cases = golden()["cases"]
    assert len(cases) == 60
    for case in cases:
        answer = exchange("restructure-pages", case["request"], tmp_path)
        assert answer["logId"] == "golden"
        found = answer["result"]["layoutParsingResults"]
        ours = [
            {"prunedResult": one["prunedResult"], "text": one["markdown"]["text"]} for one in found
        ]
        assert ours == case["results"], case["request"]


def test_an_answer_can_be_sent_back() -> None:
    body = {"file": FILES["tiff"], "visualize": False}
    pages = exchange("layout-parsing", body)["result"]["layoutParsingResults"]
    sent = [
        {"prunedResult": one["prunedResult"], "markdownImages": one["markdown"]["images"]}
        for one in pages
    ]
    again = exchange("restructure-pages", {"pages": sent, "concatenatePages": True})
    (whole,) = again["result"]["layoutParsingResults"]
    assert whole["prunedResult"]["page_count"] == 2
    assert len(whole["prunedResult"]["parsing_res_list"]) == 8
    assert set(whole["markdown"]["images"]) == set(sent[0]["markdownImages"])


def page(*blocks: Any) -> dict[str, Any]:
    return {"pages": [{"prunedResult": {"parsing_res_list": list(blocks)}}]}


BLOCK = {"block_label": "text", "block_content": "a", "block_bbox": [0, 0, 9, 9]}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "pages"),
        ({"pages": [{}]}, "prunedResult"),
        (page(7), "pages.0.prunedResult.parsing_res_list.0"),
        (page({**BLOCK, "block_bbox": [0, 0, 9]}), "block_bbox"),
        (page({**BLOCK, "block_bbox": [0, 0, 9, 1e99]}), "block_bbox"),
        (page({**BLOCK, "block_content": None}), "block_content"),
        (page({**BLOCK, "block_polygon_points": [[1, 2, 3]]}), "block_polygon_points"),
        ({"pages": [{"prunedResult": {"parsing_res_list": {}}}]}, "parsing_res_list"),
        ({"pages": [page()["pages"][0]] * 501}, "over 500"),
    ],
)
def test_bad_pages(body: Any, said: str) -> None:
    values = exchange("restructure-pages", body)
    assert values["errorCode"] == 422
    assert said in values["errorMsg"]


def test_pages_of_which_little_is_known() -> None:
    values = exchange("restructure-pages", page(BLOCK, {**BLOCK, "block_label": "image"}))
    (one,) = values["result"]["layoutParsingResults"]
    assert one["markdown"]["text"].startswith("a\n\n")
    assert exchange("restructure-pages", {"pages": []})["result"]["layoutParsingResults"] == []


def test_pages_that_go_deep() -> None:
    """Whatever stands in a page, the answer is an answer or a refusal."""
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    body = {"pages": [{"prunedResult": {"parsing_res_list": [], "other": deep}}]}
    assert exchange("restructure-pages", body)["errorCode"] in {0, 422}
