"""MPS: binding an event type to a function and letting go of it. These two actions are in no public
definition; their shape is the one the provider's own deploy tool sends."""

from .refusal import Refusal, require
from .triggers import bind


class Mps:
    def __init__(self, call):
        self.call, self.cloud = call, call.cloud

    def run(self):
        return getattr(self, self.call.action)()

    def function(self, region):
        functions = self.cloud.region(region)["functions"]
        function = functions.get(f"{self.call.get('Namespace', 'default')}/{self.call.get('FunctionName')}")
        require(function, "ResourceNotFound", "the function does not exist")
        return function

    def BindTrigger(self):
        for role in ("SCF_QcsRole", "MPS_QcsRole"):
            require(self.cloud.usable_role(role), "FailedOperation.InvalidMpsUser", f"the service role {role} is missing")
        function = self.function(self.call.get("ScfRegion"))
        require(function["status"] == "Active", "FailedOperation", "the function's status does not allow it")
        return {"ResourceId": bind(self.cloud, function, self.call.get("EventType"),
                                   self.call.get("Qualifier", "$DEFAULT"))["resource"]}

    def UnbindTrigger(self):
        require(self.call.get("Type") == "mps", "InvalidParameterValue", "Type: mps")
        resource = self.call.get("ResourceId")
        function = self.function(resource.split(":")[3] if resource.count(":") >= 5 else self.call.region)
        for trigger in function["triggers"]:
            if (trigger["type"] == "mps" and trigger["resource"] == resource
                    and trigger["qualifier"] == self.call.get("Qualifier", "$DEFAULT")):
                trigger.update(bind="off", enable=0, mod_time=self.cloud.stamp())
                return {}
        raise Refusal("ResourceNotFound", "no such binding")
