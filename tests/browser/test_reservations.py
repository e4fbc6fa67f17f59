"""Reserving a port on its page, by a browser that runs no script."""

from playwright.sync_api import expect

from portatlas.contexts.reservations.models import Reservation
from tests.browser.hands import unfold_reservation


def test_a_port_in_use_is_reserved_on_its_page_once_that_is_meant(
    fleet, page_as, admin_user, complaints
):
    fleet.port(8080, process_name="python3", user="bob")
    page = page_as(admin_user, java_script_enabled=False)
    page.goto("/ports/atlas/tcp/8080/")
    unfold_reservation(page)

    page.get_by_label("Project").fill("shop")
    page.get_by_label("Description").fill("The front.")
    page.get_by_label("Project").press("Enter")
    expect(page.get_by_text("8080/tcp on atlas is held by python3.")).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("The front.")
    page.get_by_label("Reserve it although it is in use").check()
    page.get_by_role("button", name="Reserve the port").click()

    expect(page.get_by_text("8080/tcp on atlas is reserved by shop.")).to_be_visible()
    made = Reservation.objects.get()
    assert (made.project, made.process_name, made.user) == ("shop", "python3", "bob")
    (complaint,) = complaints
    assert "status of 409" in complaint
    complaints.clear()
