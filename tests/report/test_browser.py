# SPDX-License-Identifier: Apache-2.0
"""A real browser shows the page: it complains of nothing, and nothing lies where it should not."""

import json

import pytest

from support.browser import Browser, find_browser

pytestmark = pytest.mark.skipif(
    find_browser() is None,
    reason="there is no browser: FLIGHTLLM_BROWSER is not set, and no chromium on the path")

# Pictures without a size, and what is broader than the page without being in what scrolls.
LAYOUT = """JSON.stringify({
  broad: document.documentElement.scrollWidth,
  high: document.documentElement.scrollHeight,
  empty: [...document.querySelectorAll("svg")].filter(one => {
    const box = one.getBoundingClientRect();
    return !(box.width > 20 && box.height > 5) }).length,
  pictures: document.querySelectorAll("svg").length,
  outside: [...document.querySelectorAll("main *:not(svg *)")].filter(one =>
    !one.closest(".scroll") && !one.closest("details:not([open])")
    && one.getBoundingClientRect().right > innerWidth + 0.5).map(one => one.className),
  background: getComputedStyle(document.body).backgroundColor })"""

# Texts of a picture that lie over one another, or that leave it.
TEXTS = """JSON.stringify([...document.querySelectorAll("figure svg")].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll("text")].map(one => [one, one.getBoundingClientRect()]);
  const said = one => svg.getAttribute("aria-label") + ": " + one.textContent;
  const found = boxes.filter(([one, box]) => box.left < frame.left - 1
    || box.right > frame.right + 1 || box.bottom > frame.bottom + 1).map(([one]) => said(one));
  boxes.forEach(([one, a], n) => boxes.slice(n + 1).forEach(([other, b]) => {
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
      found.push(said(one) + " / " + other.textContent); }));
  return found; }))"""


@pytest.fixture(scope="module")
def browser():
    with Browser(find_browser()) as found:
        yield found


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("which", ["full", "bare"])
def test_the_layout_is_sane(browser, which, width, request):
    path = request.getfixturevalue(which)
    browser.open(path, width=width)
    found = json.loads(browser.evaluate(LAYOUT))
    assert browser.complaints == [] and browser.requests == [path.resolve().as_uri()]
    assert found["broad"] == width and found["outside"] == []
    assert found["pictures"] >= 6 and found["empty"] == 0 and found["high"] > 1500
    assert json.loads(browser.evaluate(TEXTS)) == []


def test_dark_and_paper(browser, full):
    colours = []
    for how in ({}, {"dark": True}, {"dark": True, "media": "print"}):
        browser.open(full, width=1280, **how)
        colours.append(json.loads(browser.evaluate(LAYOUT))["background"])
    assert colours[0] == colours[2] == "rgb(255, 255, 255)" and colours[1] != colours[0]


def test_what_is_wrong_would_be_seen(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text('<!doctype html><main><p style="width: 900px">x</p>'
                    '<svg width="0" height="0"></svg><figure><svg width="90" height="90"'
                    ' aria-label="p"><text y="20">aaaa</text><text y="20">bbbb</text></svg>'
                    '</figure><img src="none.png">'
                    '<script>console.error("no"); throw 1</script></main>')
    browser.open(page, width=400)
    found = json.loads(browser.evaluate(LAYOUT))
    assert found["broad"] > 400 and found["empty"] == 1 and found["outside"]
    assert json.loads(browser.evaluate(TEXTS)) == ["p: aaaa / bbbb"]
    assert len(browser.complaints) >= 3 and len(browser.requests) == 2
