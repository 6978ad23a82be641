"""A missing program skips a test, and fails it where services are required."""

from __future__ import annotations

import pytest

from tests import services


def test_a_program_that_is_there_is_found():
    assert services.require("sh", "apt-get install dash").endswith("/sh")


def test_a_missing_program_skips_with_the_line_to_type(monkeypatch):
    monkeypatch.delenv(services.REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install harmonium"):
        services.require("harmonium-server", "apt-get install harmonium")


def test_a_missing_program_fails_where_services_are_required(monkeypatch):
    monkeypatch.setenv(services.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="harmonium"):
        services.require("harmonium-server", "apt-get install harmonium")


def test_a_missing_package_skips_and_fails_where_services_are_required(monkeypatch):
    services.require_package("pytest", "never shown")
    monkeypatch.delenv(services.REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="pip install harmonium"):
        services.require_package("harmonium", "pip install harmonium")
    monkeypatch.setenv(services.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="harmonium"):
        services.require_package("harmonium", "pip install harmonium")
