"""Addresses of a person's own account: allauth's views, those that the house uses. They have no namespace: allauth
names them itself.
"""

from allauth.account import views
from django.urls import include, path

from forgeline.web.views import session, sessions

urlpatterns = [
    path("sign-in/", session.SignIn.as_view(), name="account_login"),
    path("sign-out/", views.logout, name="account_logout"),
    path("sign-up/", views.signup, name="account_signup"),
    path("password/", session.ResetPassword.as_view(), name="account_reset_password"),
    path("account/inactive/", views.account_inactive, name="account_inactive"),
    path("account/sure/", views.reauthenticate, name="account_reauthenticate"),
    path("account/address/", views.email, name="account_email"),
    path("account/address/proof/", views.email_verification_sent, name="account_email_verification_sent"),
    path("account/password/", views.password_change, name="account_change_password"),
    path("account/password/new/", views.password_set, name="account_set_password"),
    path("account/factors/", include("allauth.mfa.urls")),
    path("account/sessions/", sessions.Sessions.as_view(), name="usersessions_list"),
]
