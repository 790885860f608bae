"""What is on the page, whatever the run had to show."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from ifgan.report import LearningPoint, ReportData, render
from tests.report import samples

HOSTILE = "<script>alert(1)</script>"


class Elements(HTMLParser):
    """Every element of a page with its attributes, and its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def bare(data: ReportData) -> ReportData:
    """The same run with nothing but scores, distances and labels."""
    return replace(data, metrics={}, roc=None, learning_curve=(), threshold=None, negatives=(),
                   boundary=(), positives=(), settings={}, provenance={}, warnings=())  # fmt: skip


def test_a_complete_report_shows_verdict_figures_faces_and_warnings() -> None:
    page = render(replace(samples.binary(), warnings=["only 84 positive faces"]))
    elements = Elements(page)
    assert "separates smile with AUROC 0.981 on held-out faces" in page
    assert "these faces fix the direction to within about 12°" in page
    assert "ampling error only" in page
    assert "only 84 positive faces" in page
    assert len(elements.named("svg")) == 4
    assert len(elements.named("img")) == 36


def test_every_image_has_an_alternative_text() -> None:
    elements = Elements(render(samples.binary()))
    images = elements.named("img")
    assert len({image["alt"] for image in images}) == len(images) == 36
    assert images[0]["alt"] == "Face of seed 702: distance −4.2, smile score −7.4"
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for figure in elements.named("svg"):
        assert figure["role"] == "img"
        assert set((figure["aria-labelledby"] or "").split()) <= set(ids)


def test_faces_come_in_order_of_distance_whatever_the_order_given() -> None:
    data = samples.binary()
    shuffled = replace(data, positives=data.positives[::-1], negatives=data.negatives[::-1])
    assert render(shuffled) == render(data)
    distances = re.findall(r"Face of seed \d+: distance ([−+\d.]+)", render(data))
    values = [float(d.replace("−", "-")) for d in distances]
    assert values == sorted(values)
    assert len(values) == 2 * 36  # alt and title


def test_thumbnails_keep_their_bytes_and_type() -> None:
    data = samples.binary(50, faces=False)
    for file_format, media_type in (("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp")):
        image = samples.drawn_face(1, smile=0, file_format=file_format)
        face = replace(samples.with_faces(data).boundary[0], image=image)
        source = Elements(render(replace(data, boundary=[face]))).named("img")[0]["src"] or ""
        head, _, body = source.partition(",")
        assert head == f"data:image/{media_type};base64"
        assert base64.b64decode(body) == image


def test_a_thumbnail_of_another_kind_is_refused() -> None:
    data = samples.with_faces(samples.binary(50, faces=False))
    with pytest.raises(ValueError, match="PNG, JPEG or WebP"):
        render(replace(data, boundary=[replace(data.boundary[0], image=b"GIF89a")]))


def test_the_same_data_give_the_same_bytes_in_another_process() -> None:
    code = "from tests.report import samples; from ifgan.report import render\n"
    code += "import sys; sys.stdout.buffer.write(render(samples.binary(500)).encode())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert other.stdout.decode() == render(samples.binary(500))
    assert render(samples.binary(501)) != render(samples.binary(500))


def test_four_threads_render_the_same_bytes_as_one() -> None:
    runs = [
        samples.binary(2000),
        samples.continuous(2000),
        samples.binary(3000),
        samples.binary(50),
    ]
    alone = [render(data) for data in runs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(render, runs * 3))
    assert together == alone * 3


def test_matplotlib_settings_neither_change_nor_matter() -> None:
    import matplotlib

    expected = render(samples.binary(500))
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30, "svg.fonttype": "path"}):
        before = dict(matplotlib.rcParams)
        assert render(samples.binary(500)) == expected
        assert dict(matplotlib.rcParams) == before


def test_importing_is_cheap_and_rendering_needs_neither_torch_nor_pyplot() -> None:
    code = (
        "import sys, ifgan.report; from tests.report import samples\n"
        "assert not {'matplotlib', 'jinja2'} & set(sys.modules)\n"
        "ifgan.report.render(samples.binary(50))\n"
        "assert 'matplotlib' in sys.modules\n"
        "assert not {'torch', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_half_a_million_faces_make_no_large_page() -> None:
    page = render(samples.binary(500_000, faces=False))
    assert len(page.encode()) < 300_000
    assert "500,000 faces" in page


def test_hostile_words_are_shown_and_not_markup() -> None:
    words = {HOSTILE: HOSTILE}
    data = replace(
        samples.binary(200),
        attribute=HOSTILE,
        metrics={HOSTILE: 1.0, "auroc": 0.9},
        settings={HOSTILE: words},
        provenance=words,
        warnings=[HOSTILE],
    )
    elements = Elements(render(data))
    assert not elements.named("script")
    assert elements.text.count(HOSTILE) > 10
    assert HOSTILE in (elements.named("img")[0]["alt"] or "")


@pytest.mark.parametrize(
    "attribute", ["$x_1$", "50% {{ x }} {0}", "a\\b", "年齢", "#010101", "w" * 300]
)
def test_any_attribute_name_is_shown_as_it_is(attribute: str) -> None:
    elements = Elements(render(replace(samples.binary(200), attribute=attribute)))
    assert elements.text.count(attribute) > 5


def test_colours_come_from_the_page_alone() -> None:
    for data in (samples.binary(2000), samples.continuous(2000)):
        figures = re.findall(r"<svg.*?</svg>", render(data), flags=re.DOTALL)
        assert figures
        for figure in figures:
            assert "var(--" in figure
            assert not re.search(r"(fill|stroke|color): ?(#|rgb|black)", figure)
            assert "<style" not in figure


def test_use_is_shown_of_the_vector_that_moves_a_face_by_the_step_of_one_deviation() -> None:
    data = samples.binary(500)
    deviation = float(np.std(data.distances))
    along_normal, along_edit = render(data), render(replace(data, slope=0.5))
    assert f"w + {deviation:.3g} * normal" in along_normal and "edit.npy" not in along_normal
    assert "np.load(&#34;edit.npy&#34;)" in along_edit
    assert f"w + {deviation / 0.5:.3g} * edit" in along_edit and "normal.T" in along_edit


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        (lambda d: replace(d, roc=None), "<b>ROC."),
        (lambda d: replace(d, learning_curve=()), "<b>Learning curve."),
        (lambda d: replace(d, negatives=(), boundary=(), positives=()), "<img"),
        (lambda d: replace(d, metrics={**d.metrics, "truth_cosine": None}), "planted truth"),
        (lambda d: replace(d, threshold=None), "threshold 0"),
        (lambda d: replace(d, settings={}), "<summary>Settings"),
        (lambda d: replace(d, provenance={}), "<summary>Provenance"),
    ],
)
def test_what_is_missing_leaves_no_trace_and_nothing_else_goes(
    change: Callable[[ReportData], ReportData], gone: str
) -> None:
    data = samples.binary(500)
    full, page = render(data), render(change(data))
    assert gone in full
    assert gone not in page
    for kept in ("<b>Distance against score.", "<b>Scores.", "AUROC", "boundary.npy"):
        assert kept in page


def test_a_run_with_nothing_but_scores_still_says_what_it_is() -> None:
    page = render(bare(samples.binary(5)))
    assert "fitted on 5 faces; its quality on held-out faces was not measured" in page
    assert len(Elements(page).named("svg")) == 2


def test_a_continuous_attribute_has_its_unit_and_no_words_of_two_sides() -> None:
    page = render(samples.continuous())
    assert "orders held-out faces by age with Spearman correlation 0.912" in page
    assert "age score (years)" in page
    assert "high age" in page
    assert "AUROC" not in page
    assert "swatch negative" not in page
    assert re.search(r"z_edited = z \+ \d", page)


def test_faces_that_the_fit_did_not_use_are_named() -> None:
    data = samples.binary(500)
    labels = np.where(np.abs(data.scores) > 3, data.labels, -1).astype(np.int8)
    assert "not used by the fit" not in render(data)
    assert "not used by the fit" in render(replace(data, labels=labels))


def test_constant_scores_outliers_and_undefined_qualities_do_not_break_the_figures() -> None:
    data = samples.binary(300)
    constant = replace(data, scores=np.full(300, 2.0, dtype=np.float32))
    scores = data.scores.copy()
    scores[0] = 1e6
    undefined = [LearningPoint(100, float("nan"), float("nan"))]
    for odd in (constant, replace(data, scores=scores), replace(data, learning_curve=undefined)):
        assert len(Elements(render(odd)).named("svg")) == 4


def test_faces_beyond_the_frame_are_counted() -> None:
    data = samples.binary(8000)
    scores = data.scores.copy()
    scores[:3] = 1e4
    assert "Beyond the frame" not in render(data)
    assert re.search(
        r"Beyond the frame: 3 faces by score,\s+0 by distance", render(replace(data, scores=scores))
    )


def test_arrays_of_unequal_length_are_a_bug_of_ours() -> None:
    with pytest.raises(AssertionError):
        replace(samples.binary(50), labels=np.zeros(49, dtype=np.int8))
