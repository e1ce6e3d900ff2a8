"""Addresses of the Partner Portal."""

from __future__ import annotations

from django.urls import path

from carillon.faces.gate.themes import picture, style_sheet
from carillon.faces.portal import (
    bell,
    branding,
    bulk,
    dialogs,
    grid,
    guide,
    jobs,
    menu,
    pages,
    preferences,
    schedules,
    search,
    shell,
    support,
    wizard,
)

app_name = "portal"

urlpatterns = [
    path("", shell.home, name="home"),
    path("preferences/", preferences.preferences, name="preferences"),
    path("notifications/", bell.notifications, name="notifications"),
    path("notifications/read/", bell.read, name="notifications-read"),
    path("keys/", shell.keys, name="shortcuts"),
    path("menu/", menu.fold, name="menu"),
    path("search/", search.search, name="search"),
    path("help/", guide.index, name="help"),
    path("help/manual/<slug:name>/", guide.chapter, name="chapter"),
    path("help/<slug:slug>/", guide.about, name="about"),
    path("attachments/<int:key>/", support.attachment, name="attachment"),
    path("customer-filter/", shell.choose_customer, name="customer-filter"),
    path("pages/<slug:slug>/", pages.show_page, name="page"),
    path("theme.css", style_sheet, name="theme"),
    path("brand/<slug:digest>.png", picture, name="picture"),
    path("portal-brands/preview/", branding.preview, name="brand-preview"),
    path("portal-brands/preview/<int:key>/", branding.preview, name="brand-preview"),
    path("portal-brands/form/", branding.form, name="brand-form"),
    path("portal-brands/form/<int:key>/", branding.form, name="brand-form"),
    path("web-products/wizard/", wizard.wizard, name="wizard"),
    path("web-products/wizard/<int:key>/", wizard.wizard, name="wizard"),
    path("web-products/preview/", wizard.preview, name="preview"),
    path("web-products/preview/<int:key>/", wizard.preview, name="preview"),
    path("web-products/colours/", wizard.colours, name="colours"),
    path("panels/<slug:slug>/", grid.show_grid, name="panel"),
    path("panels/<slug:slug>/rows/", grid.rows, name="rows"),
    path("panels/<slug:slug>/totals/", grid.totals, name="totals"),
    path("panels/<slug:slug>/export/", grid.export, name="export"),
    path("panels/<slug:slug>/count/", bulk.count, name="count"),
    path("panels/<slug:slug>/bulk/<slug:name>/", bulk.do, name="bulk"),
    path("panels/<slug:slug>/lookup/", grid.lookup, name="lookup"),
    path("panels/<slug:slug>/import/", jobs.import_file, name="import"),
    path("panels/jobs/<uuid:key>/start/", jobs.start, name="job-start"),
    path("panels/jobs/<uuid:key>/progress/", jobs.progress, name="job-progress"),
    path("panels/jobs/<uuid:key>/errors/", jobs.errors, name="job-errors"),
    path("panels/report-runs/<int:key>/file/", schedules.file, name="report-file"),
    path("panels/<slug:slug>/add/", dialogs.add, name="add"),
    path("panels/<slug:slug>/<str:key>/", grid.show_detail, name="detail"),
    path("panels/<slug:slug>/<str:key>/edit/", dialogs.edit, name="edit"),
    path("panels/<slug:slug>/<str:key>/remove/", dialogs.remove, name="remove"),
    path("panels/<slug:slug>/<str:key>/notes/", dialogs.notes, name="notes"),
    path("panels/<slug:slug>/<str:key>/history/", dialogs.history, name="history"),
    path("panels/<slug:slug>/<str:key>/undo/<int:entry>/", dialogs.undo, name="undo"),
    path("panels/<slug:slug>/<str:key>/do/<slug:name>/", dialogs.do, name="do"),
    path("panels/<slug:slug>/<str:key>/go/<slug:target>/", dialogs.go, name="go"),
]
