"""The admin of the schedule, whose times are one field each: two would share one label."""

from django import forms
from django.db import models
from django_celery_beat import admin as plain
from django_celery_beat.models import ClockedSchedule, PeriodicTask

from portatlas.admin.linked import in_place_of

ONE_FIELD = {
    models.DateTimeField: {
        "form_class": forms.DateTimeField,
        "widget": forms.DateTimeInput(
            {"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
        ),
    }
}


@in_place_of(PeriodicTask)
class PeriodicTaskAdmin(plain.PeriodicTaskAdmin):
    sortable_by = ("name", "enabled", "one_off")  # the others may be empty
    formfield_overrides = ONE_FIELD


@in_place_of(ClockedSchedule)
class ClockedScheduleAdmin(plain.ClockedScheduleAdmin):
    formfield_overrides = ONE_FIELD
