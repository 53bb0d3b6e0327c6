"""The pages at the door. They are below /admin/, and before the admin's own."""

from django.urls import path

from portal.login import views

urlpatterns = [
    path("login/", views.LogInView.as_view(), name="log_in"),
    path("login/code/", views.CodeView.as_view(), name="log_in_code"),
    path("second-factor/", views.SecondFactorView.as_view(), name="second_factor"),
    # The theme's name for it.
    path("forgotten/", views.ForgottenView.as_view(), name="admin_password_reset"),
    path("forgotten/asked/", views.AskedView.as_view(), name="password_asked"),
    path("choose-password/<uidb64>/<token>/", views.ChoosePasswordView.as_view(), name="choose_password"),
]
