"""Addresses of the connections' pages."""

from django.urls import path

from connectors.pages import browsing, detail, devices, editing, listing, waiting

app_name = "connectors"

urlpatterns = [
    path("", listing.show_connections, name="list"),
    path("add/<slug:kind>/", editing.add_connection, name="add"),
    path("test/<slug:kind>/", editing.test_connection, name="test"),
    path("certificate.der", detail.download_certificate, name="certificate"),
    path("devices/", devices.show_devices, name="devices"),
    path("devices/<int:device_id>/", devices.show_device, name="device"),
    path("waiting/", waiting.show_waiting, name="waiting"),
    path("waiting/<int:waiting_device_id>/adopt/", waiting.adopt_device, name="adopt"),
    path("waiting/<int:waiting_device_id>/ignore/", waiting.ignore_device, name="ignore"),
    path("<int:connection_id>/", detail.show_connection, name="detail"),
    path("<int:connection_id>/edit/", editing.edit_connection, name="edit"),
    path("<int:connection_id>/switch/", detail.switch_connection, name="switch"),
    path("<int:connection_id>/delete/", detail.delete_connection, name="delete"),
    path("<int:connection_id>/bindings/<int:binding_id>/delete/", detail.delete_binding, name="unbind"),
    path("<int:connection_id>/browse/", browsing.browse_connection, name="browse"),
    path("<int:connection_id>/browse/nodes/", browsing.show_nodes, name="nodes"),
    path("<int:connection_id>/browse/pick/", browsing.pick_nodes, name="pick"),
]
