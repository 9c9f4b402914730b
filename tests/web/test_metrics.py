from __future__ import annotations

from tumorlens.web.metrics import Metrics, resident_bytes


def test_counters_and_gauges_are_lines_of_the_format() -> None:
    metrics = Metrics()
    metrics.count("tumorlens_analyses_total", status="done")
    metrics.count("tumorlens_analyses_total", status="done")
    metrics.count("odd_total", label='a"b\\c\nd')
    lines = metrics.text({"tumorlens_running": 3}).splitlines()
    assert 'tumorlens_analyses_total{status="done"} 2' in lines
    assert "# TYPE tumorlens_analyses_total counter" in lines
    assert r'odd_total{label="a\"b\\c\nd"} 1' in lines
    assert "tumorlens_running 3" in lines


def test_a_histogram_counts_up_to_all() -> None:
    metrics = Metrics()
    for seconds in (0.001, 0.005, 0.3, 99):
        metrics.time("tumorlens_analysis_seconds", seconds)
    lines = metrics.text({}).splitlines()
    assert 'tumorlens_analysis_seconds_bucket{le="0.005"} 2' in lines
    assert 'tumorlens_analysis_seconds_bucket{le="0.5"} 3' in lines
    assert 'tumorlens_analysis_seconds_bucket{le="+Inf"} 4' in lines
    assert "tumorlens_analysis_seconds_count 4" in lines


def test_memory_is_known_on_linux() -> None:
    import sys

    assert resident_bytes() > 1e6 or sys.platform != "linux"
