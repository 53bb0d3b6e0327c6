"""Operations for migrations of every app."""

from django.db.migrations.operations import SeparateDatabaseAndState
from django.db.migrations.state import ProjectState


class StateAtOnce(SeparateDatabaseAndState):
    """Operations on the state alone, after which its models are made once and not after each of them.

    A model is made anew together with all it is related to, which here is nearly everything.
    """

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        made = state.__dict__.pop("apps", None)
        super().state_forwards(app_label, state)
        if made is not None:
            state.__dict__["apps"] = made
            names = [vars(each).get("model_name") or vars(each)["name"] for each in self.state_operations]
            state.reload_models([(app_label, name.lower()) for name in names], delay=False)
