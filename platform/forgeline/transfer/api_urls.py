"""Addresses of the API on data in and out in bulk."""

from django.urls import path

from forgeline.transfer import company_api, samples_api, sheets_api

urlpatterns = [
    path("company-archive/", company_api.CompanyArchiveView.as_view(), name="company-archive"),
    path("operator/erasures/", company_api.ErasuresView.as_view(), name="operated-erasures"),
    path("company-erasure/", company_api.CompanyErasureView.as_view(), name="company-erasure"),
    path("sample-imports/", samples_api.SampleImportView.as_view(), name="sample-imports"),
    path("sample-exports/", samples_api.SampleExportView.as_view(), name="sample-exports"),
    path("imports/", sheets_api.ImportsView.as_view(), name="imports"),
    path("imports/<slug:kind>/", sheets_api.ImportView.as_view(), name="import"),
    path("imports/<slug:kind>/template/", sheets_api.TemplateView.as_view(), name="import-template"),
    path("imports/<slug:kind>/export/", sheets_api.ExportView.as_view(), name="import-export"),
]
