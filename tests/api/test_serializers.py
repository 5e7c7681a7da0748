"""What is put together once for all requests: fields of serializers, forms of filters, the views of addresses."""

from __future__ import annotations

import pytest
from django.http import QueryDict
from django.test import RequestFactory
from django.urls import Resolver404, get_resolver
from rest_framework import serializers as drf

from forgeline.assets.api import DeviceFilter, DeviceSerializer
from forgeline.assets.models import Device
from forgeline.base.moments import MomentField
from forgeline.base.serializers import ModelSerializer, Serializer
from forgeline.notifications.serializers import RosterSerializer
from tests.api.conftest import subclasses_of


def test_every_serializer_is_of_the_house() -> None:
    assert get_resolver().url_patterns, "the addresses bring all serializers"
    house = ("forgeline.", "apps.", "connectors.")
    ours = [each for each in subclasses_of(drf.Serializer) if each.__module__.startswith(house)]
    assert len(ours) > 150
    assert [each for each in ours if not issubclass(each, ModelSerializer | Serializer)] == []


def test_serializers_share_what_the_model_says_and_nothing_else() -> None:
    first, second = DeviceSerializer(), DeviceSerializer(context={"of": "second"})
    assert list(first.fields) == list(second.fields) == DeviceSerializer.Meta.fields
    for name, field in first.fields.items():
        other = second.fields[name]
        assert field is not other
        assert type(field) is type(other)
        assert field.parent is first
        assert other.parent is second
        assert (field.context, other.context) == ({}, {"of": "second"})
    assert isinstance(first.fields["created_at"], MomentField)


def test_a_field_within_a_field_knows_the_serializer_above_it() -> None:
    nested = [
        name
        for name, field in RosterSerializer().fields.items()
        if isinstance(field, drf.ListSerializer | drf.ListField)
    ]
    assert nested, "a roster has lists in it"
    serializers = [RosterSerializer(context={"number": number}) for number in range(2)]
    for name in nested:
        inner = [each.fields[name].child for each in serializers]
        assert inner[0] is not inner[1]
        assert [each.root for each in inner] == serializers
        assert [each.context["number"] for each in inner] == [0, 1]


def test_the_form_of_a_filter_is_made_once_and_filled_each_time() -> None:
    rows = Device.objects.none()
    asked = [DeviceFilter(QueryDict(words), rows) for words in ("asset=1,2", "asset=x", "key=a", "")]
    assert asked[0].get_form_class() is asked[1].get_form_class()
    assert asked[0].get_form_class() is not asked[2].get_form_class()
    assert [each.form.is_valid() for each in asked] == [True, False, True, True]
    assert [list(each.form.fields) for each in asked] == [["asset"], ["asset"], ["key"], []]
    assert asked[0].form.cleaned_data == {"asset": [1, 2]}
    assert DeviceFilter(QueryDict("asset=3"), rows).form.is_valid()


def test_an_address_leads_to_the_same_view_each_time() -> None:
    from forgeline.conf.asgi import Handler

    handler, requests = Handler(), RequestFactory()
    first, again = (handler.resolve_request(requests.get("/api/v1/devices/7/")) for _ in range(2))
    other = handler.resolve_request(requests.get("/api/v1/devices/8/"))
    assert (first.kwargs, again.kwargs, other.kwargs) == ({"pk": "7"}, {"pk": "7"}, {"pk": "8"})
    assert first.func is again.func is other.func
    request = requests.get("/api/v1/devices/7/")
    handler.resolve_request(request)
    assert request.resolver_match.view_name == first.view_name
    for _ in range(2):
        with pytest.raises(Resolver404):
            handler.resolve_request(requests.get("/no/such/page"))
