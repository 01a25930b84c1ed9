"""What CAM has to say yes to before a call is carried out: actions, each with the one resource it is checked on and
the tags that this resource has at that moment, `None` for one that does not exist. Whether a policy says yes is
decided in `access`."""

# Checked on a function. Every other action is of the operation level, or no page says otherwise: checked on `*`.
ON_FUNCTIONS = {"CreateFunction", "DeleteFunction", "GetFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration",
                "DeleteReservedConcurrencyConfig"}
HANDING_ROLES = {"CreateFunction", "UpdateFunctionConfiguration"}
EVERYTHING = "*"


def asks(cloud, service, action, region, params):
    """`[{action, resource, tags}]` of a call to one of the services."""
    if service != "scf" or action not in ON_FUNCTIONS:
        return [ask(f"{service}:{action}", EVERYTHING)]
    namespace, name, owner = params.get("Namespace", "default"), params["FunctionName"], f"uin/{cloud.account}"
    found = cloud.regions.get(region, {"functions": {}})["functions"].get(f"{namespace}/{name}", {"tags": None})
    all_ = [ask(f"scf:{action}", f"qcs::scf:{region}:{owner}:namespace/{namespace}/function/{name}", found["tags"])]
    if action in HANDING_ROLES and params.get("Role"):
        all_.append(ask("cam:PassRole", f"qcs::cam::{owner}:roleName/{params['Role']}"))
    return all_


def asks_cos(action, bucket, region, key):
    """The same of a request to a bucket; what lists a bucket has no key."""
    return [ask(f"cos:{action}", f"qcs::cos:{region}:uid/{bucket.rpartition('-')[2]}:{bucket}/{key}")]


def ask(action, resource, tags=None):
    return {"action": action, "resource": resource, "tags": tags and dict(tags)}
