"""Sentences of libraries that their own catalogues lack, or say in words that are not this house's: ours come first.

Nothing imports this: `catalogs extract` reads it, and the catalogue of this app then says them.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as mark, ngettext_lazy

PASSWORD_TOO_SHORT = ngettext_lazy(
    "This password is too short. It must contain at least %d character.",
    "This password is too short. It must contain at least %d characters.",
)
"""Django's; its Chinese catalogue has the sentence of an older version."""

PASSWORD_HELP = ngettext_lazy(
    "Your password must contain at least %(min_length)d character.",
    "Your password must contain at least %(min_length)d characters.",
    "min_length",
)
PASSWORDS = [
    mark("Your password can’t be too similar to your other personal information."),
    mark("Your password can’t be a commonly used password."),
    mark("Your password can’t be entirely numeric."),
]
"""Django's: its Chinese catalogue says 你, this house 您."""

ACCOUNT = [
    mark("Hello from %(site_name)s!"),
    mark("Please Confirm Your Email Address"),
    mark(
        "You're receiving this email because user %(user_display)s has given your email address to register an "
        "account on %(site_domain)s."
    ),
    mark("Your email verification code is listed below. Please enter it in your open browser window."),
    mark("This mail can be safely ignored if you did not initiate this action."),
    mark("Enter Email Verification Code"),
    mark("We've sent a code to %(recipient)s. The code expires shortly, so please enter it soon."),
    mark("Code"),
    mark("Incorrect code."),
    mark("Incorrect password."),
    mark("Your email has been changed from %(from_email)s to %(to_email)s."),
    mark("Email Changed"),
    mark("Your email has been confirmed."),
    mark("Email Confirmation"),
    mark("Email address %(deleted_email)s has been removed from your account."),
    mark("Email Removed"),
    mark("Email Addresses"),
    mark("Email Address"),
    mark("Primary"),
    mark("Make Primary"),
    mark("Add Email Address"),
    mark("Add Email"),
    mark("Change Email"),
    mark("Current email"),
    mark("The following email addresses are associated with your account:"),
    mark("Do you really want to remove the selected email address?"),
    mark("You have confirmed %(email)s."),
    mark("Removed email address %(email)s."),
    mark("Primary email address set."),
    mark("You cannot remove your primary email address (%(email)s)."),
    mark("Verify Your Email Address"),
    mark("Request new code"),
    mark("You cannot activate two-factor authentication until you have verified your email address."),
    mark("You have signed out."),
    mark("Signed out of all other sessions."),
    mark("IP Address"),
    mark("Sign Out"),
    mark("Passkey"),
    mark("Sign in with a passkey"),
    mark("Create Passkey"),
    mark(
        "You are about to create a passkey for your account. As you can add additional keys later on, you can use a "
        "descriptive name to tell the keys apart."
    ),
    mark("This key does not indicate whether it is a passkey."),
]
"""django-allauth's: pages and letters of a person's own account."""

API = [
    mark("A valid biginteger is required."),
    mark("Integer value too large to convert to float"),
]
"""Django REST framework's."""
