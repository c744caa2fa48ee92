"""The page in a real browser: what a user sees and does."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

PIL = pytest.importorskip("PIL.Image", reason="the viewer's packages are not installed")

PICTURE = """(view) => {
  const image = document.querySelector(`#view-${view} img`);
  if (!image || !image.complete || !image.naturalWidth) return "";
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL();
}"""
FITS = """(view) => {
  const image = document.querySelector(`#view-${view} img`);
  const box = document.querySelector(`#view-${view}`).getBoundingClientRect();
  return image && image.complete && Math.abs(image.naturalWidth - box.width * devicePixelRatio) < 2
    && Math.abs(image.naturalHeight - box.height * devicePixelRatio) < 2;
}"""


def picture(page: Any, view: str) -> str:
    """The picture in a view, as text to compare."""
    return page.evaluate(PICTURE, view)


def changed(page: Any, view: str, before: str) -> str:
    """Wait until a view shows another picture; returns it."""
    wait = f"([view, before]) => {{ const now = ({PICTURE})(view); return now && now != before ? now : false; }}"
    return page.wait_for_function(wait, arg=[view, before]).json_value()


def shows(page: Any, wanted: dict[str, str]) -> None:
    """Wait until each view shows the picture that is wanted of it."""
    for view, picture_wanted in wanted.items():
        page.wait_for_function(f"([view, wanted]) => ({PICTURE})(view) == wanted", arg=[view, picture_wanted])


def both(page: Any) -> dict[str, str]:
    """The pictures in both views."""
    return {view: picture(page, view) for view in ("original", "result")}


def both_changed(page: Any, before: dict[str, str]) -> dict[str, str]:
    """Wait until both views show other pictures; returns them."""
    return {view: changed(page, view, old) for view, old in before.items()}


def settled(page: Any, *views: str) -> None:
    """Wait until views show pictures of their own size."""
    for view in views:
        page.wait_for_function(FITS, arg=view)


def pixels(element: Any) -> NDArray[np.float64]:
    """What an element looks like on the screen, ``(rows, columns, 3)``."""
    image = PIL.open(io.BytesIO(element.screenshot()))
    return np.asarray(image.convert("RGB"), dtype=np.float64)


def state(page: Any, name: str) -> str:
    return page.locator(".durn").get_attribute(f"data-{name}")


@pytest.fixture
def page(cine_viewer, open_page: Callable[..., Any]) -> Any:
    """The cine's page, side by side, at its middle slice and first phase, without overlay, the swipe in the middle."""
    page = open_page(cine_viewer)
    page.evaluate("window.trame.state.set('swipe', 50)")  # a page that is closed may not have told its last change
    page.click("#side")
    page.click("#overlay-none")
    page.keyboard.press("0")
    page.locator("#slice").fill("1")
    page.locator("#phase").fill("0")
    page.locator("#phase").blur()
    page.wait_for_selector(".durn[data-layout=side][data-slice='1'][data-phase='0']")
    settled(page, "original", "result")
    return page


def test_both_views_show_the_heart_with_labels_and_the_right_aspect(page) -> None:
    assert page.title() == "DURNSuperRes"
    assert [label.inner_text().split() for label in page.locator(".label").all()] == [
        ["Original", "1.50", "mm"],
        ["cine_x2", "0.75", "mm"],
    ]
    shown = [pixels(page.locator(f"#view-{view}")) for view in ("original", "result")]
    for view in shown:
        assert view.std() > 30
        bright = np.argwhere(view[60:-60].max(axis=-1) > 100)  # below the labels
        height, width = np.ptp(bright, axis=0)
        assert 0.6 < height / width < 1.4
    assert np.corrcoef(shown[0].ravel(), shown[1].ravel())[0, 1] > 0.85
    ground = np.array(PIL.open(io.BytesIO(page.screenshot())).convert("L"))
    assert np.percentile(ground[:30], 50) < 40  # a dark bar


def test_a_length_and_the_sides_of_the_patient_are_written_on_both_views(page) -> None:
    for view in ("#view-original", "#view-result"):
        assert page.locator(f"{view} .edge").all_inner_texts() == ["R", "L", "A", "P"]
        width, bar = (page.locator(place).bounding_box()["width"] for place in (view, f"{view} .bar"))
        height = page.locator(view).bounding_box()["height"]
        length = float(page.locator(f"{view} .bar").inner_text().removesuffix(" mm"))
        assert length / bar == pytest.approx(
            96 / min(width, height), rel=0.02
        )  # mm a pixel: the heart's field is 96 mm
    page.keyboard.press("+")
    page.wait_for_function("document.querySelector('.zoom').innerText.startsWith('1.3')")
    zoomed = page.locator("#view-original .bar")
    length = float(zoomed.inner_text().removesuffix(" mm"))
    assert length / zoomed.bounding_box()["width"] == pytest.approx(96 / min(width, height) / 1.25, rel=0.02)


def test_the_page_is_dark_before_anything_is_loaded(cine_viewer, browser) -> None:
    page = browser.new_page()
    page.route("**/*.js", lambda route: route.abort())
    page.goto(cine_viewer.address)
    assert np.asarray(PIL.open(io.BytesIO(page.screenshot())).convert("L")).max() < 40
    page.close()


def test_arrow_keys_and_the_wheel_scroll_both_views_together(page) -> None:
    before = both(page)
    page.keyboard.press("ArrowUp")
    both_changed(page, before)
    assert (state(page, "slice"), page.locator(".corner").inner_text()) == ("2", "3 / 3")
    page.locator("#view-result").hover()
    page.mouse.wheel(0, 100)
    shows(page, before)
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(".durn[data-slice='0']")
    page.locator("#slice").fill("1")
    page.wait_for_selector(".durn[data-slice='1']")


def test_plus_and_minus_zoom_and_a_drag_changes_the_window_of_both(page) -> None:
    fit = both(page)
    page.keyboard.press("+")
    both_changed(page, fit)
    page.wait_for_function("document.querySelector('.zoom').innerText.startsWith('1.3')")
    page.keyboard.press("-")
    shows(page, fit)
    window = page.locator("#window").input_value()
    page.locator("#view-original").hover()
    page.mouse.down()
    box = page.locator("#view-original").bounding_box()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    page.wait_for_function("(before) => +document.querySelector('#window').value > +before", arg=window)
    both_changed(page, fit)
    page.click("#reset")
    shows(page, fit)


def test_space_plays_the_cine_in_both_views_and_stops_it(page) -> None:
    first = both(page)
    page.keyboard.press(" ")
    both_changed(page, both_changed(page, first))
    for phase in (3, 0, 2):  # all the way round
        page.wait_for_selector(f".durn[data-phase='{phase}']")
    page.keyboard.press(" ")
    page.wait_for_selector("#play[title^=Play]")
    assert "ms" in page.locator("output.wide").inner_text()
    page.locator("#phase").fill("0")
    page.wait_for_selector(".durn[data-phase='0']")


def test_space_presses_what_the_tab_key_has_reached_and_plays_after_a_click(page) -> None:
    page.focus("#overlay-none")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "overlay-difference"
    page.keyboard.press(" ")
    page.wait_for_selector("#overlay-difference[aria-pressed=true]")
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    page.click("#overlay-none")
    page.keyboard.press(" ")
    page.wait_for_selector("#play[aria-label=Pause]")
    page.keyboard.press(" ")
    page.wait_for_selector("#play[aria-label=Play]")


def test_the_swipe_moves_by_keys(page) -> None:
    page.keyboard.press("s")
    page.focus("#divider")
    for key, share in (("ArrowRight", 55), ("ArrowLeft", 50), ("ArrowDown", 45), ("ArrowUp", 50)):
        page.keyboard.press(key)
        page.wait_for_selector(f"#divider[aria-valuenow='{share}']")
    assert state(page, "slice") == "1"


def test_all_that_can_have_the_focus_has_a_name_and_shows_the_focus(page) -> None:
    page.keyboard.press("s")
    page.wait_for_selector("#divider")
    described = """() => {
      const it = document.activeElement;
      const name = it.ariaLabel || it.labels?.[0]?.innerText || it.innerText;
      return [it.id || it.tagName, name.trim(), getComputedStyle(it).outlineStyle];
    }"""
    found = []
    for _ in range(40):  # at least once through the page
        page.keyboard.press("Tab")
        found.append(page.evaluate(described))
    found = [element for element in found if element[0] != "BODY"]
    assert {"side", "divider", "slice", "play", "reset"} <= {name for name, _, _ in found}
    assert all(name and outline == "solid" for _, name, outline in found), found


def test_a_small_screen_has_the_notice_and_views_above_each_other(page) -> None:
    assert page.locator("output.wide").inner_text() == "1 / 4  0 ms"
    for width, height in ((1000, 700), (414, 800)):
        page.set_viewport_size({"width": width, "height": height})
        assert "Research use only" in page.locator(".use").inner_text()
        boxes = [page.locator(f"#view-{view}").bounding_box() for view in ("original", "result")]
        assert (boxes[0]["x"] == boxes[1]["x"]) == (width < height)
        settled(page, "original", "result")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_two_pages_show_the_same_and_each_is_drawn_for_its_own_size(page, cine_viewer) -> None:
    other = page.context.new_page()
    other.set_viewport_size({"width": 500, "height": 900})
    other.goto(cine_viewer.root)
    other.wait_for_selector("#view-result img")
    settled(other, "original", "result")
    values = []
    for each in (other, page):  # whose picture has the shape of the other page's views
        each.wait_for_function("document.querySelector('#view-result img')?.naturalWidth == 500")
        box = each.locator("#view-result").bounding_box()
        image = each.evaluate("(({ naturalWidth: w, naturalHeight: h }) => [w, h])(document.querySelector('img'))")
        right = 0.1 * image[0] * min(box["width"] / image[0], box["height"] / image[1])
        each.mouse.move(box["x"] + box["width"] / 2 + right, box["y"] + box["height"] / 2)
        each.wait_for_timeout(200)
        values.append(float(each.locator("#pointed").inner_text().split()[0]))
    assert values[0] == pytest.approx(values[1], rel=0.05)
    page.bring_to_front()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    settled(page, "original", "result")
    other.close()


def test_a_viewer_that_has_ended_says_so(serve, browser, files) -> None:
    served = serve(files.volume)
    page = browser.new_page()
    page.goto(served.address)
    page.wait_for_selector("#view-original img")
    served.end()
    page.wait_for_selector(".lost")
    assert "durn-superres view" in page.locator(".lost").inner_text()
    page.close()


def test_the_swipe_reveals_one_image_over_the_other(page) -> None:
    page.keyboard.press("s")
    page.wait_for_selector("#divider")
    settled(page, "original", "result")
    main, box = page.locator("main"), page.locator("main").bounding_box()
    width, middle = box["width"], box["y"] + 0.7 * box["height"]
    half = pixels(main)
    page.mouse.move(box["x"] + width / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + width / 4, middle, steps=5)
    page.mouse.up()
    page.wait_for_function("Math.abs(parseFloat(document.querySelector('#divider').style.left) - 25) < 1")
    quarter = pixels(main)
    column = int(quarter.shape[1] / 4)
    uncovered = np.s_[60:-60, column + 20 : 2 * column - 20]
    right = np.s_[60:-60, 2 * column + 20 :]
    assert np.abs(quarter[uncovered] - half[uncovered]).max() > 20
    np.testing.assert_array_equal(quarter[right], half[right])


def test_overlays_colour_the_result_alone_and_say_what_the_colours_mean(page) -> None:
    plain = both(page)
    page.keyboard.press("d")
    changed(page, "result", plain["result"])
    assert page.locator(".legend").inner_text().split()[1].startswith("+")
    page.click("#overlay-uncertainty")
    page.wait_for_selector(".legend i.uncertainty")
    page.wait_for_function("document.querySelector('.legend span').innerText == '0'")
    assert picture(page, "original") == plain["original"]
    assert np.ptp(pixels(page.locator("#view-result")), axis=-1).max() > 60
    page.keyboard.press("u")
    page.wait_for_selector(".legend", state="detached")
    shows(page, plain)


def test_an_uploaded_file_is_upscaled_with_progress_cancelled_and_upscaled_again(serve, open_page, files) -> None:
    served = serve(files.volume)
    page = open_page(served)
    settled(page, "original")
    assert page.locator(".panel").is_visible()
    before = picture(page, "original")
    page.set_input_files("#file", files.many_slices)
    page.wait_for_function("document.querySelector('#slice').max == '119'")
    changed(page, "original", before)
    page.click("#run")
    page.wait_for_function("document.querySelector('#progress')?.value > 0")
    page.keyboard.press("ArrowUp")  # the views go on meanwhile
    page.wait_for_selector(".durn[data-slice='61'][data-running=true]")
    page.click("#cancel")
    page.wait_for_selector("#run")
    assert page.locator("#view-result img").count() == 0
    page.select_option("#scale", "3")
    page.select_option("#method", "bicubic")
    page.click("#run")
    page.wait_for_selector("#view-result img")
    settled(page, "original", "result")
    assert page.locator(".label.right").inner_text().split() == ["bicubic", "x3", "0.50", "mm"]
    assert pixels(page.locator("#view-result")).std() > 30
    with page.expect_download() as saved:
        page.click("#save")
    assert saved.value.suggested_filename.endswith("bicubic_x3.nrrd")
    assert saved.value.path().stat().st_size > files.many_slices.stat().st_size


def test_a_file_is_dropped_on_the_page_and_what_is_wrong_with_one_is_said(serve, open_page, files, complaints) -> None:
    page = open_page(serve(files.volume))
    drop = """([name, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(bytes)], name));
      for (const kind of ["dragenter", "dragover", "drop"])
        document.querySelector("main").dispatchEvent(new DragEvent(kind, { bubbles: true, dataTransfer: data }));
    }"""
    page.evaluate(drop, ["cine.seq.nrrd", list(files.cine.read_bytes())])
    page.wait_for_selector("#play")
    assert "this cine" in page.locator(".panel").inner_text()
    page.evaluate(drop, ["notes.txt", [1, 2, 3]])
    page.wait_for_selector("#note.bad")
    assert "none of" in page.locator("#note").inner_text()
    assert page.locator("#play").is_visible()
    assert "400" in complaints.pop()  # the browser tells of the refusal, too


def test_a_wrong_token_shows_no_page(cine_viewer, browser) -> None:
    page = browser.new_page()
    answer = page.goto(f"{cine_viewer.root}?token=wrong")
    assert answer.status == 403
    assert page.locator(".durn").count() == 0
    page.close()


def test_the_token_is_not_left_in_the_address_and_a_reload_works(page) -> None:
    assert "token" not in page.url
    page.reload()
    page.wait_for_selector("#view-result img")
    settled(page, "original", "result")
