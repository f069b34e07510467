"""Links on a laptop and behind a hub, and the trace ids that they need."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded import addresses
from rag_tutorials.course.traces import spans

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def test_on_a_laptop_the_host_is_localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    assert addresses.browser_url(6006) == "http://localhost:6006"


def test_behind_a_hub_the_link_goes_through_the_users_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    assert addresses.browser_url(6006) == "/user/ada/proxy/6006"


@pytest.mark.parametrize(
    ("setting", "address", "path"),
    [
        ("/jupyterlab/default/proxy/{port}", "/jupyterlab/default/proxy/6006", None),
        ("/lab1/user/ada/proxy/{port}/", "/lab1/user/ada/proxy/6006", None),
        (
            "https://adb-1.example.com/driver-proxy/o/2/3/{port}/",
            "https://adb-1.example.com/driver-proxy/o/2/3/6006",
            "/driver-proxy/o/2/3/6006",
        ),
        ("https://ada-{port}.app.example.dev", "https://ada-6006.app.example.dev", ""),
        ("http://jupyter:8000/proxy/{port}", "http://jupyter:8000/proxy/6006", "/proxy/6006"),
        ("http://[::1]:{port}", "http://[::1]:6006", ""),
    ],
)
def test_a_setting_says_where_another_proxy_shows_a_port(
    setting: str, address: str, path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/somebody/")  # the setting goes first
    monkeypatch.setenv("COURSE_PROXY_URL", f" {setting} ")
    assert addresses.browser_url(6006) == address
    assert addresses.root_path(6006) == (address if path is None else path)


@pytest.mark.parametrize(
    "wrong",
    [
        "{port}",
        "6006",
        "/proxy",  # every notebook has a port of its own
        "/proxy/{port}/{port}",
        "/proxy/{port}/{other}",
        "proxy/{port}",
        "//host/{port}",
        "ftp://host/{port}",
        "https:///{port}",
        "https://host:x/{port}",
        "https://ada:secret@host/{port}",
        "https://host/{port}?token=secret",
        "https://host/{port}#x",
        'https://host/"><script>{port}',
        "javascript:alert({port})",
        "/a b/{port}",
    ],
)
def test_a_setting_that_is_no_address_is_one_sentence_without_its_secret(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_PROXY_URL", wrong)
    for ask in (addresses.browser_url, addresses.root_path):
        with pytest.raises(CourseError, match="COURSE_PROXY_URL is no address") as caught:
            ask(6006)
        assert "secret" not in str(caught.value)


def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    monkeypatch.setenv("COURSE_PROXY_URL", " ")
    assert addresses.browser_url(6006) == "http://localhost:6006"
    assert addresses.root_path(6006) == ""


def test_a_hub_under_another_base_path_needs_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/teaching/hub/user/ada/")
    assert addresses.browser_url(6006) == "/teaching/hub/user/ada/proxy/6006"
    assert addresses.root_path(6006) == "/teaching/hub/user/ada/proxy/6006"


def test_a_link_has_a_text_form_and_escapes_its_html() -> None:
    link = addresses.Link('http://localhost:1/"><script>', "Open <this>")
    assert repr(link) == 'Open <this>: http://localhost:1/"><script>'
    assert "<script>" not in link._repr_html_()
    assert "&lt;this&gt;" in link._repr_html_()


def test_a_frame_has_a_title_and_a_link_beside_it() -> None:
    shown = addresses.Frame("http://localhost:1/x", "Open this trace", 400)._repr_html_()
    assert 'title="Open this trace"' in shown
    assert shown.count("http://localhost:1/x") == 3


def test_a_trace_id_comes_from_a_span_a_context_or_itself() -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("x") as span:
        expected = trace.format_trace_id(span.get_span_context().trace_id)
    assert spans.trace_id_of(span) == expected
    assert spans.trace_id_of(span.get_span_context()) == expected
    assert spans.trace_id_of(TRACE_ID) == TRACE_ID


@pytest.mark.parametrize("wrong", ["", "abc", TRACE_ID.upper()])
def test_a_text_that_is_no_trace_id_is_one_sentence(wrong: str) -> None:
    with pytest.raises(CourseError, match="is not a trace id"):
        spans.trace_id_of(wrong)


def test_a_span_that_nobody_recorded_says_why() -> None:
    with pytest.raises(CourseError, match=r"never recorded.*register\(\)"):
        spans.trace_id_of(trace.INVALID_SPAN)


def test_a_page_of_phoenix_has_its_parts_and_repeated_keys_quoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    url = addresses.page_url(
        addresses.browser_url(6006), "datasets", "a/b=", "compare", experimentId=["x=", "y&"]
    )
    assert url == (
        "/user/ada/proxy/6006/datasets/a%2Fb%3D/compare?experimentId=x%3D&experimentId=y%26"
    )
    assert addresses.page_url("http://localhost:1", "prompts") == "http://localhost:1/prompts"
