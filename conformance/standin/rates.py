"""The documented calls a second, counted by arrival in windows of one second."""

import time

# SCF overview page 583/17235; CAM pages 598/33556-33562 and the per-action pages; STS 1312; tag 651/35307.
HUNDRED = """CreateFunction GetFunction ListFunctions DeleteFunction UpdateFunctionCode
    UpdateFunctionConfiguration CreateTrigger DeleteTrigger""".split()
CAM = {"CreateRole": 2, "AttachRolePolicy": 3, "DetachRolePolicy": 3, "DescribeRoleList": 10,
       "ListAttachedRolePolicies": 10, "CreatePolicy": 10, "UpdatePolicy": 10, "DeletePolicy": 10,
       "CreatePolicyVersion": 10}
OTHER = {("sts", "AssumeRole"): 600, ("tag", "DescribeResourceTagsByResourceIds"): 100,
         ("tag", "DescribeResourcesByTags"): 100, ("scf", "InvokeFunction"): 10000}


class Rates:
    def __init__(self):
        self.calls = {}

    def limit(self, service, action):
        if (service, action) in OTHER:
            return OTHER[service, action]
        if service == "scf" and action in HUNDRED:
            return 100
        return CAM.get(action, 20) if service == "cam" else 20

    def admit(self, service, action, region):
        now = time.monotonic()
        recent = [t for t in self.calls.get((service, action, region), []) if now - t < 1]
        fits = len(recent) < self.limit(service, action)
        self.calls[service, action, region] = recent + [now] if fits else recent
        return fits
