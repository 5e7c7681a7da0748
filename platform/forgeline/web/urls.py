"""Addresses of the plant's own pages."""

from django.urls import path

from forgeline.web.views import calendar, company, history, machine, overview, people, session, setup
from forgeline.web.views.alarms import analysis, detail, editor, journal, live, rulebook
from forgeline.web.views.notifications import answering, channels, inbox, log, rosters, routes

app_name = "web"

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("machines/<int:asset_id>/", machine.machine, name="machine"),
    path("sign-in/", session.SignIn.as_view(), name="sign_in"),
    path("sign-out/", session.SignOut.as_view(), name="sign_out"),
    path("first-owner/", session.first_owner, name="first_owner"),
    path("password/", session.ResetPassword.as_view(), name="password_reset"),
    path("password/sent/", session.ResetSent.as_view(), name="password_reset_done"),
    path("password/<uidb64>/<token>/", session.NewPassword.as_view(), name="password_reset_confirm"),
    path("password/changed/", session.PasswordChanged.as_view(), name="password_reset_complete"),
    path("setup/", setup.setup, name="setup"),
    path("setup/plants/new/", setup.new_site, name="new_site"),
    path("setup/plants/<int:site_id>/", setup.edit_site, name="edit_site"),
    path("setup/plants/<int:site_id>/calendar/", calendar.calendar, name="calendar"),
    path("setup/plants/<int:site_id>/assets/new/", setup.new_asset, name="new_asset"),
    path("setup/assets/<int:asset_id>/", setup.edit_asset, name="edit_asset"),
    path("setup/assets/<int:asset_id>/points/new/", setup.new_point, name="new_point"),
    path("setup/points/<int:point_id>/", setup.edit_point, name="edit_point"),
    path("alarms/", live.alarms, name="alarms"),
    path("alarms/answer/", live.answer, name="answer_alarms"),
    path("alarms/<int:alarm_id>/", detail.alarm, name="alarm"),
    path("alarms/<int:alarm_id>/limit/", detail.move_limit, name="move_alarm_limit"),
    path("alarms/journal/", journal.journal, name="alarm_journal"),
    path("alarms/analysis/", analysis.analysis, name="alarm_analysis"),
    path("alarms/rules/", rulebook.rules, name="alarm_rules"),
    path("alarms/rules/edit/", editor.editor, name="alarm_rule"),
    path("alarms/rules/check/", editor.check, name="check_alarm_rule"),
    path("alarms/rules/try/", editor.preview, name="try_alarm_rule"),
    path("alarms/rules/trials/<int:trial_id>/", editor.trial, name="alarm_trial"),
    path("alarms/rules/of/<slug:profile>/", rulebook.profile_rules, name="alarm_profile_rules"),
    path("alarms/rules/<int:rule_id>/", rulebook.versions, name="alarm_versions"),
    path("alarms/rules/<int:rule_id>/change/", rulebook.change, name="change_alarm_rule"),
    path("notifications/", inbox.inbox, name="inbox"),
    path("notifications/bell/", inbox.bell, name="bell"),
    path("notifications/preferences/", inbox.preferences, name="preferences"),
    path("notifications/answer/<str:token>/", answering.answer, name="answer"),
    path("company/messages/", routes.routes, name="notify_routes"),
    path("company/messages/routes/new/", routes.route, name="new_notify_route"),
    path("company/messages/routes/<int:route_id>/", routes.route, name="notify_route"),
    path("company/messages/rosters/", rosters.rosters, name="notify_rosters"),
    path("company/messages/rosters/new/", rosters.new_roster, name="new_notify_roster"),
    path("company/messages/rosters/<int:roster_id>/", rosters.roster, name="notify_roster"),
    path("company/messages/channels/", channels.channels, name="notify_channels"),
    path("company/messages/channels/new/", channels.channel, name="new_notify_channel"),
    path("company/messages/channels/<int:channel_id>/", channels.channel, name="notify_channel"),
    path("company/messages/log/", log.log, name="notify_log"),
    path("company/history/", history.history, name="history"),
    path("company/people/", people.people, name="people"),
    path("company/people/<int:membership_id>/", people.person, name="person"),
    path("company/roles/", company.roles, name="roles"),
    path("company/roles/<int:role_id>/", company.role, name="role"),
    path("invitations/<str:token>/", people.invitation, name="invitation"),
    path("company/keys/", company.keys, name="keys"),
]
