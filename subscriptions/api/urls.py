"""What of `/api/v1/` is about partner platforms."""

from authorization.api.urls import Router
from subscriptions.api.resources import Subscriptions

router = Router()
router.register("subscriptions", Subscriptions)
urlpatterns = router.urls
