"""The scenarios. Each gets the program's path and a seed, and raises `Failed` when a claim breaks.
Names are claims; `seeded` ones run once per seed over generated manifests."""

import random
import signal
import time

import expect
import generate
from bench import Bench, claim
from client import TEMPORARY_KEY

SCENARIOS = []
REGION = "ap-beijing"


def scenario(seeded=False):
    def take(function):
        SCENARIOS.append((function.__name__, function, seeded))
        return function
    return take


def hook(**more):
    """A small manifest: one function with one timer."""
    function = {"runtime": "CustomRuntime", "handler": "main", "memory": 128, "timeout": 15,
                "code": {"inline": {"bootstrap": "#!/bin/sh\n"}},
                "triggers": {"nightly": {"type": "timer", "cron": "0 0 3 * * * *"}}, **more}
    return {"stack": "conf-hook", "region": REGION, "functions": {"hook": function}}


def media(**more):
    return {**hook(triggers={"workflow": {"type": "mps", "event": "WorkflowTask", **more}}),
            "roles": {"SCF_QcsRole": {"preset": "scf"}, "MPS_QcsRole": {"preset": "mps"}}}


FOREIGN = {"FunctionName": "hook", "Runtime": "CustomRuntime", "Handler": "main", "Description": "made by hand",
           "Code": {"DemoId": "demo-1"}, "Tags": [{"Key": "owner", "Value": "someone"}]}


def bench_of(binary, seed, **options):
    """A bench whose peculiarities follow from the seed."""
    return Bench(binary, seed, **{"ignore_create_tags": seed % 2 == 1, "auto_cls": seed % 3 != 0,
                                  "spelling": "wild" if seed % 4 == 3 else "documented", **options})


def only_change(result, edit):
    """The plan shows the edited attribute and nothing else."""
    changes = result.changes()
    if edit.loose:
        claim(changes and all(c["address"].startswith(edit.address.rpartition(".")[0]) for c in changes),
              lambda: f"edit `{edit.name}`: wanted changes of {edit.address} only: {result}")
        return
    claim([c["address"] for c in changes] == [edit.address] and changes[0]["action"] == "update",
          lambda: f"edit `{edit.name}`: wanted one update of {edit.address}: {result}")
    paths = [a["path"] for a in changes[0]["attributes"]]
    exact = "." in edit.path or "[" in edit.path
    fits = [p == edit.path or (not exact and p.startswith((edit.path + ".", edit.path + "["))) for p in paths]
    claim(paths and all(fits), lambda: f"edit `{edit.name}`: wanted {edit.path} alone, the plan shows {paths}: {result}")


@scenario(seeded=True)
def lifecycle(binary, seed):
    """plan, apply, empty plan, no second write, each of three edits alone, destroy."""
    made = generate.sample(seed)
    with bench_of(binary, seed) as bench:
        bench.use(made)
        start = bench.mark()
        bench.silent(bench.plan(code=2), start)
        bench.apply()
        bench.as_declared()
        bench.empty_plan()
        again = bench.mark()
        bench.silent(bench.apply(), again)
        edits = made.edits()
        for edit in made.rng.sample(edits, min(3, len(edits))):
            bench.write(edit.manifest, edit.files)
            only_change(bench.plan(code=2), edit)
            bench.apply()
            bench.as_declared()
            bench.empty_plan()
            bench.write(made.manifest, made.files)
            bench.apply()
            bench.empty_plan()
        bench.run("destroy", "--yes", expect_code=0)
        left = expect.leftovers(bench.manifest, bench.control.state())
        claim(not left, f"after destroy: {left}")
        bench.no_refused_parameters()


@scenario(seeded=True)
def toml_and_yaml_mean_the_same(binary, seed):
    made = generate.sample(seed)
    with bench_of(binary, seed) as bench:
        bench.use(made, "toml")
        bench.apply()
        bench.as_declared()
        bench.write(made.manifest, made.files, "yaml")
        bench.empty_plan()


@scenario(seeded=True)
def killed_at_any_write_it_converges(binary, seed):
    made, rng = generate.sample(seed), random.Random(f"kill/{seed}")
    with bench_of(binary, seed, latency_ms=3) as bench:
        bench.use(made)
        for _ in range(200):
            result = bench.killed(rng.randint(1, 4))
            if result.code >= 0:
                claim(result.code == 0, lambda: f"apply after a kill: {result}")
                break
        else:
            claim(False, "200 killed runs made no end of it")
        bench.as_declared()
        bench.empty_plan()


@scenario(seeded=True)
def lost_answers_on_writes_converge(binary, seed):
    made = generate.sample(seed)
    with bench_of(binary, seed) as bench:
        bench.use(made)
        bench.control.faults(*({"access": "write", "kind": kind, "probability": 0.08}
                               for kind in ("drop_after", "drop_before", "http500_after", "http500", "truncate")))
        for _ in range(12):
            result = bench.apply(code=None)
            claim(result.code in (0, 1), lambda: f"with lost answers: {result}")
            if result.code == 0:
                break
        bench.control.faults()
        if result.code != 0:
            bench.apply()
        bench.as_declared()
        bench.empty_plan()


@scenario(seeded=True)
def throttling_and_slow_settling_are_waited_out(binary, seed):
    made = generate.sample(seed)
    with bench_of(binary, seed, settle_ms=300) as bench:
        bench.use(made)
        bench.control.faults({"kind": "throttle", "probability": 0.15},
                             {"action": "CreateFunction", "kind": "stay_pending", "ms": 2500, "nth": 1})
        bench.apply()
        bench.control.faults()
        bench.as_declared()
        bench.empty_plan()


@scenario(seeded=True)
def a_failing_read_fails_the_plan_and_writes_nothing(binary, seed):
    made, rng = generate.sample(seed), random.Random(f"reads/{seed}")
    with bench_of(binary, seed) as bench:
        bench.use(made)
        bench.apply()
        start = bench.mark()
        bench.empty_plan()
        reads = sorted({(e["service"], e["action"]) for e in bench.server.world.log[start:]})
        service, action = rng.choice(reads)
        for kind in rng.sample([{"kind": "http500"}, {"kind": "drop_before"}, {"kind": "truncate"}, {"kind": "garbage"},
                                {"kind": "refuse", "code": "InternalError"},
                                {"kind": "refuse", "code": "UnauthorizedOperation"}], 2):
            bench.control.faults({"service": service, "action": action, **kind})
            for arguments in (("plan", "--detailed-exitcode"), ("apply", "--yes")):
                before = bench.mark()
                result = bench.run(*arguments, expect_code=1)
                bench.silent(result, before)
                claim(result.json.get("error") or result.json.get("diagnostics"),
                      lambda: f"{action} {kind}: no error in the JSON: {result}")
                claim(action in result.stdout + result.stderr, lambda: f"the failing call {action} is not named: {result}")
            bench.control.faults()
        bench.empty_plan()


@scenario()
def a_single_failed_read_does_no_harm(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.apply()
        for kind in ("http500", "drop_before", "throttle", "truncate", "delay"):
            for nth in range(1, 7):
                bench.control.faults({"access": "read", "kind": kind, "nth": nth, "ms": 200})
                result = bench.plan()
                claim(result.code == 1 or (result.code == 0 and not result.changes()),
                      lambda: f"{kind} at read {nth}: {result}")
        bench.control.faults({"access": "read", "kind": "throttle", "nth": 1})
        claim(bench.plan().code == 0, "one throttled read should be asked again")


@scenario()
def an_answer_with_another_content_type_is_not_mistaken_for_absence(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.apply()
        bench.control.faults({"kind": "wrong_content_type"})
        result = bench.plan()
        claim(result.code in (0, 1) and not (result.code == 0 and result.changes()), lambda: str(result))


@scenario()
def a_trigger_deleted_by_hand_is_seen(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.apply()
        bench.control.mutate("delete_trigger", region=REGION, name="hook", type="timer")
        result = bench.plan(code=2)
        claim([(c["address"], c["action"]) for c in result.changes()] == [("trigger.hook.nightly", "create")], lambda: str(result))
        claim(bench.run("drift").code == 2, "drift should exit 2")
        bench.apply()
        bench.as_declared()
        bench.empty_plan()


@scenario()
def an_undeclared_trigger_is_planned_for_deletion(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.apply()
        bench.control.console("scf", "CreateTrigger", REGION, FunctionName="hook", TriggerName="byhand", Type="timer",
                              TriggerDesc="0 0 4 * * * *", Qualifier="$DEFAULT", Enable="OPEN")
        result = bench.plan(code=2)
        claim([(c["address"], c["action"]) for c in result.changes()] == [("trigger.hook[timer/byhand]", "delete")], lambda: str(result))
        bench.apply("--max-deletes", "unlimited")
        bench.as_declared()


@scenario()
def a_console_edit_is_drift_and_is_put_back(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.apply()
        bench.control.mutate("set_function", region=REGION, name="hook", config={"MemorySize": 512})
        change, = bench.plan(code=2).changes()
        claim((change["address"], change["action"], change["drift"], change["cause"]) == ("function.hook", "update", True, "cloud"), str(change))
        claim([(a["path"], a["before"], a["after"]) for a in change["attributes"]] == [("memory", 512, 128)], str(change))
        claim(bench.run("drift").code == 2, "drift should exit 2")
        bench.write(hook(memory=256))
        change, = bench.plan(code=2).changes()
        claim(change["cause"] == "both" and change["drift"], str(change))
        bench.apply()
        bench.as_declared()
        bench.write(hook(memory=384))
        change, = bench.plan(code=2).changes()
        claim(change["cause"] == "manifest" and not change["drift"], str(change))


@scenario()
def a_foreign_function_is_refused_until_adopted(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.control.console("scf", "CreateFunction", REGION, **FOREIGN)
        before = bench.mark()
        bench.silent(bench.plan(code=3), before)
        bench.silent(bench.apply(code=3), before)
        bench.run("destroy", "--yes")
        claim(not bench.writes(before), "destroy touched what is not ours")
        bench.write(hook(adopt=True))
        bench.apply()
        found = bench.control.state()["regions"][REGION]["functions"]["default/hook"]
        claim(found["tags"].get("provision-stack") == "conf-hook", f"not marked: {found['tags']}")
        bench.empty_plan()


@scenario()
def a_function_of_another_stack_is_foreign(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.apply()
        bench.write({**hook(memory=256), "stack": "conf-other"})
        before = bench.mark()
        bench.silent(bench.plan(code=3), before)
        bench.silent(bench.apply(code=3), before)


@scenario()
def a_held_event_type_is_refused_and_can_be_taken_over(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(media())
        for role in ("SCF_QcsRole", "MPS_QcsRole"):
            bench.control.console("cam", "CreateRole", RoleName=role, PolicyDocument=generate.emit.json.dumps(generate.TRUST))
        bench.control.console("scf", "CreateFunction", "ap-shanghai", **{**FOREIGN, "FunctionName": "holder"})
        bench.control.console("mps", "BindTrigger", ScfRegion="ap-shanghai", EventType="WorkflowTask", FunctionName="holder",
                              Namespace="default", Qualifier="$DEFAULT")
        before = bench.mark()
        result = bench.plan(code=3)
        bench.silent(result, before)
        claim("holder" in result.stdout, lambda: f"the holder is not named: {result}")
        bench.silent(bench.apply(code=3), before)
        bench.write(media(takeover=True))
        bench.apply("--max-deletes", "unlimited")
        bench.as_declared()
        bench.empty_plan()


@scenario()
def a_refused_bind_gives_the_event_type_back(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(media(takeover=True))
        for role in ("SCF_QcsRole", "MPS_QcsRole"):
            bench.control.console("cam", "CreateRole", RoleName=role, PolicyDocument=generate.emit.json.dumps(generate.TRUST))
        bench.control.console("scf", "CreateFunction", REGION, **{**FOREIGN, "FunctionName": "holder"})
        bench.control.console("mps", "BindTrigger", ScfRegion=REGION, EventType="WorkflowTask", FunctionName="holder",
                              Namespace="default", Qualifier="$DEFAULT")
        bench.control.faults({"action": "BindTrigger", "kind": "refuse", "code": "FailedOperation.InvalidMpsUser", "nth": 1})
        bench.apply("--max-deletes", "unlimited", code=1)
        held = bench.control.state()["regions"][REGION]["functions"]["default/holder"]["triggers"]
        claim([t["bind"] for t in held] == ["on"], f"the old holder is not restored: {held}")


@scenario()
def an_mps_trigger_unbound_by_hand_is_bound_again(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(media())
        bench.apply()
        bench.as_declared()
        trigger, = bench.control.state()["regions"][REGION]["functions"]["default/hook"]["triggers"]
        bench.control.console("mps", "UnbindTrigger", Type="mps", Qualifier="$DEFAULT", FunctionName="hook",
                              Namespace="default", ResourceId=trigger["resource"])
        claim(bench.plan(code=2).changes()[0]["address"] == "trigger.hook.workflow", "the unbound trigger is not seen")
        bench.apply("--max-deletes", "unlimited")
        bench.as_declared()
        bench.empty_plan()


@scenario()
def a_preset_role_is_completed_and_never_rewritten(binary, seed):
    with Bench(binary, seed) as bench:
        other = {"version": "2.0", "statement": [{"effect": "allow", "action": "sts:AssumeRole", "principal": {
            "service": ["scf.qcloud.com", "cls.cloud.tencent.com"]}}]}
        bench.control.console("cam", "CreateRole", RoleName="SCF_QcsRole", PolicyDocument=generate.emit.json.dumps(other), Description="by the console")
        bench.control.console("cam", "AttachRolePolicy", AttachRoleName="SCF_QcsRole", PolicyName="QcloudCLSFullAccess")
        bench.write({**hook(), "roles": {"SCF_QcsRole": {"preset": "scf"}}})
        bench.apply()
        role = bench.control.state()["roles"]["SCF_QcsRole"]
        claim(role["document"] == other and role["tags"] == {} and role["description"] == "by the console", f"rewritten: {role}")
        claim(len(role["policies"]) >= 2, f"policies: {role['policies']}")
        bench.empty_plan()
        bench.run("destroy", "--yes", expect_code=0)
        claim("SCF_QcsRole" in bench.control.state()["roles"], "destroy deleted a preset role")


@scenario()
def a_role_that_an_ended_run_made_is_waited_for(binary, seed):
    """One run makes the roles and fails; services see them only some time after the next run has begun."""
    manifest = {**hook(role="worker"), "roles": {"worker": {"trust": ["scf.qcloud.com"], "policies": []}}}
    with Bench(binary, seed, role_lag_ms=3000) as bench:
        bench.write(manifest)
        bench.control.faults({"action": "CreateFunction", "kind": "refuse", "code": "LimitExceeded.Function"})
        bench.run("apply", "--yes", expect_code=1)
        bench.control.faults()
        bench.apply()
        refused = [c for c in bench.control.log() if c["action"] == "CreateFunction" and c["code"] == "ResourceNotFound.Role"]
        claim(refused, "the role was seen at once: the lag is too short for this machine")
        bench.as_declared()
        bench.empty_plan()


@scenario()
def tags_and_namespaces_under_way_are_waited_for(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook(tags={"one": "a", "two": "b"}))
        bench.control.faults({"action": "CreateFunction", "kind": "refuse", "code": "ResourceUnavailable.Namespace", "times": 6})
        bench.apply()
        busy = {"service": "tag", "kind": "refuse", "code": "FailedOperation.ResourceTagProcessing", "times": 3}
        bench.control.faults({**busy, "action": "TagResources"}, {**busy, "action": "UnTagResources"})
        bench.write(hook(tags={"one": "c"}))
        bench.apply()
        bench.as_declared()
        bench.empty_plan()


@scenario()
def what_leaves_the_manifest_is_deleted_triggers_first(binary, seed):
    with Bench(binary, seed) as bench:
        two = hook()
        two["functions"]["second"] = {**two["functions"]["hook"]}
        bench.write(two)
        bench.apply()
        bench.write(hook())
        result = bench.plan(code=2)
        claim(("function[ap-beijing/default/second]", "delete") in [(c["address"], c["action"]) for c in result.changes()], lambda: str(result))
        before = bench.mark()
        bench.apply("--max-deletes", "unlimited")
        order = [e["action"] for e in bench.writes(before)
                 if e["action"].startswith("Delete") and e["action"] != "DeleteTag"]  # the lease's
        claim(order == ["DeleteTrigger", "DeleteFunction"], f"order of deletes: {order}")
        bench.empty_plan()


def of_every_kind(text, memory):
    """Everything that a permission could be missing for. All of it differs between two memories."""
    document = {"version": "2.0", "statement": [{"effect": "allow", "action": "scf:Get*" if memory > 128 else "scf:Invoke", "resource": "*"}]}
    moving = {"type": "ckafka", "instance": "ckafka-ab12cd34", "topic": "one", "batch": memory % 100, "offset": "latest", "retry": 9, "timeout": 9}
    triggers = {"nightly": {"type": "timer", "cron": "0 0 3 * * * *", "argument": text},
                "uploads": {"type": "cos", "bucket": "in-1250000000", "events": "cos:ObjectCreated:*", "prefix": "a/", "enabled": memory > 128},
                "queue": moving, "workflow": {"type": "mps", "event": "WorkflowTask"},
                "other": {"type": "raw", "kind": "cmq", "name": "queue-1", "description": {"filterType": 1, "filterKey": [text]}}}
    one = hook(triggers=triggers, role="worker", namespace="media", memory=memory, description=text,
               reserved_concurrency=memory, **{"async": {"retries": memory % 3, "max_age": 3600}})
    web = {**hook()["functions"]["hook"], "type": "http", "code": {"inline": {"scf_bootstrap": f"#!/bin/sh\n# {text}\n"}},
           "triggers": {"url": {"type": "http", "auth": "cam" if memory > 128 else "none"}}}
    del web["handler"]
    worker = {"trust": ["scf.qcloud.com"], "policies": ["invoke"], "description": text, "session_duration": 3600 + memory}
    return {**one, "tags": {"of": text}, "functions": {**one["functions"], "web": web, f"only-{memory}": {**hook()["functions"]["hook"], "namespace": "media"}},
            "namespaces": {"media": {"region": REGION, "description": text}},
            "policies": {"invoke": {"document": document, "description": text}},
            "roles": {**media()["roles"], "worker": worker}}


@scenario()
def printed_permissions_are_enough_for_everything_there_is(binary, seed):
    for s in (seed, seed + 1):  # with the account's name and without it
        with bench_of(binary, s) as bench:
            for text, memory in (("one", 128), ("two", 256)):
                bench.write(of_every_kind(text, memory))
                bench.plan(code=2)
                bench.apply("--max-deletes", "unlimited")
                bench.as_declared()
                bench.empty_plan()
            bench.run("snapshot")
            claim(bench.run("drift").code == 0, "there should be no drift")
            bench.run("destroy", "--yes", expect_code=0)
            asked = {a["action"] for e in bench.server.world.log for a in e["asks"]}
            for action in ("cam:PassRole", "cam:UpdatePolicy", "cam:TagRole", "cam:DeleteRole", "scf:DeleteNamespace", "scf:UpdateTrigger",
                           "scf:PutReservedConcurrencyConfig", "scf:DeleteFunction", "mps:BindTrigger", "tag:TagResources", "tag:CreateTag"):
                claim(action in asked, f"{action} was never asked for: {sorted(asked)}")


@scenario()
def deletes_are_fenced_in_ci(binary, seed):
    with Bench(binary, seed) as bench:
        two = hook()
        two["functions"]["second"] = {**two["functions"]["hook"]}
        bench.write(two)
        bench.apply()
        bench.write(hook())
        bench.environment = {"CI": "true"}
        before = bench.mark()
        bench.silent(bench.apply(code=3), before)
        bench.apply("--max-deletes", "1")
        claim(len(bench.control.state()["regions"][REGION]["functions"]) == 1, "the function should be gone")


@scenario()
def a_protected_function_is_neither_deleted_nor_replaced(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook(protect=True))
        bench.apply()
        before = bench.mark()
        bench.silent(bench.run("destroy", "--yes", expect_code=3), before)
        bench.write(hook(protect=True, runtime="Go1"))
        bench.silent(bench.apply("--max-deletes", "unlimited", code=3), before)


@scenario()
def a_changed_runtime_is_a_replacement_that_is_announced(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.apply()
        bench.write(hook(runtime="Go1"))
        change = next(c for c in bench.plan(code=2).changes() if c["address"] == "function.hook")
        claim(change["action"] == "replace" and change["requires_replace"] == ["runtime"], str(change))
        bench.apply("--max-deletes", "unlimited")
        bench.as_declared()
        bench.empty_plan()


@scenario()
def a_stale_plan_file_is_refused(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.apply()
        bench.write(hook(memory=256))
        bench.plan("--out", "plan.bin", code=2)
        bench.control.mutate("set_function", region=REGION, name="hook", config={"Timeout": 99})
        before = bench.mark()
        bench.silent(bench.run("apply", "plan.bin", "--yes", expect_code=3), before)
        bench.control.mutate("set_function", region=REGION, name="hook", config={"Timeout": 15})
        bench.run("apply", "plan.bin", "--yes", expect_code=0)
        bench.as_declared()
        bench.empty_plan()


@scenario()
def renaming_a_logical_id_changes_nothing(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook(name="the-hook"))
        bench.apply()
        renamed = hook(name="the-hook")
        renamed["functions"] = {"another": renamed["functions"]["hook"]}
        bench.write(renamed)
        bench.empty_plan()


@scenario()
def another_account_is_refused(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write({**hook(), "account": "100000000999"})
        before = bench.mark()
        bench.silent(bench.apply(code=3), before)


@scenario()
def temporary_keys_work(binary, seed):
    with Bench(binary, seed) as bench:
        bench.key = TEMPORARY_KEY
        bench.write(hook())
        bench.apply()
        bench.empty_plan()


@scenario()
def wrong_keys_fail_in_words(binary, seed):
    with Bench(binary, seed) as bench:
        bench.key = ("AKIDnobodyEXAMPLE", "not-the-secret-of-anybody")
        bench.write(hook())
        result = bench.plan(code=1)
        claim("SecretIdNotFound" in result.stdout + result.stderr, lambda: str(result))


@scenario()
def an_account_without_get_resources_gives_an_incomplete_plan(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.control.faults({"service": "tag", "action": "GetResources", "kind": "refuse", "code": "InvalidAction"})
        result = bench.plan(code=2)
        claim(result.json["stacks"][0]["complete"] is False, lambda: str(result))
        bench.apply()
        bench.empty_plan()


@scenario()
def documented_rates_are_kept(binary, seed):
    with Bench(binary, seed, rates=True) as bench:
        m = hook()
        m["functions"] = {f"fn-{n}": {**m["functions"]["hook"]} for n in range(30)}
        m["roles"] = {f"role-{n}": {"trust": ["scf.qcloud.com"], "policies": ["QcloudCLSFullAccess"]} for n in range(6)}
        bench.write(m)
        bench.apply()
        bench.as_declared()
        bench.empty_plan()


@scenario()
def an_interrupted_apply_stops_cleanly_and_resumes(binary, seed):
    with Bench(binary, seed, latency_ms=30) as bench:
        m = hook()
        m["functions"] = {f"fn-{n}": {**m["functions"]["hook"]} for n in range(12)}
        bench.write(m)
        for sig in (signal.SIGINT, signal.SIGTERM):
            result = bench.killed(2, sig)
            claim(result.code == 130, lambda: f"after {sig!r}: {result}")
        bench.apply()
        bench.as_declared()
        bench.empty_plan()


@scenario()
def a_service_error_that_echoes_a_secret_is_filtered(binary, seed):
    with Bench(binary, seed) as bench:
        m = hook(environment={"WORD": "${var.word}"})
        m["variables"] = {"word": {"sensitive": True, "env": "CONFORMANCE_SECRET"}}
        bench.write(m)
        bench.control.faults({"action": "CreateFunction", "kind": "refuse", "code": "InvalidParameterValue.Environment",
                              "message": f"bad value {generate.SECRET} in Environment"})
        bench.apply(code=1)  # `Bench.finish` looks for the secret in everything printed


@scenario()
def an_edit_of_a_busy_function_waits(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.apply()
        bench.control.mutate("options", settle_ms=1500)
        bench.client.region = REGION
        bench.client.call("scf", "UpdateFunctionConfiguration", {"FunctionName": "hook", "Timeout": 77})
        bench.apply()
        bench.as_declared()


def large(bench, seed, noise):
    """A function with 12 MB of code that does not compress."""
    manifest = {**hook(code={"dir": "code"}), "package_bucket": "deploy-1250000000",
                "roles": {"SCF_QcsRole": {"preset": "scf"}}}
    bench.write(manifest, {"code/bootstrap": b"#!/bin/sh\n", "code/noise": random.Random(f"{seed}/{noise}").randbytes(12 << 20)})


def stands_in_its_bucket(bench):
    """The function runs what the newest object of the bucket holds; nothing unfinished is left."""
    state = bench.control.state()
    code = state["regions"][REGION]["functions"]["default/hook"]["code"]
    claim(code["kind"] == "cos" and code["bucket"] == "deploy", f"code: {code}")
    newest = state["cos"]["objects"][-1]
    claim((newest["sha256"], "/" + newest["key"]) == (code["sha256"], code["object"]), f"{newest} is not {code}")
    claim(newest["meta"] == {"x-cos-meta-sha256": newest["sha256"]}, f"{newest}")
    claim(state["cos"]["uploads"] == [], f"unfinished: {state['cos']['uploads']}")


@scenario()
def a_large_package_goes_through_its_bucket(binary, seed):
    for key in (None, TEMPORARY_KEY):
        with Bench(binary, seed) as bench:
            bench.key = key or bench.key
            large(bench, seed, 1)
            bench.apply()
            stands_in_its_bucket(bench)
            bench.empty_plan()
            again = bench.mark()
            bench.silent(bench.apply(), again)
            large(bench, seed, 2)
            bench.apply()
            stands_in_its_bucket(bench)
            claim(len(bench.control.state()["cos"]["objects"]) == 2, "two packages are two objects")
            bench.empty_plan()


@scenario()
def a_large_package_without_a_bucket_is_refused_before_any_write(binary, seed):
    with Bench(binary, seed) as bench:
        large(bench, seed, 1)
        bench.write({k: v for k, v in bench.manifest.items() if k != "package_bucket"})
        before = bench.mark()
        for result in (bench.plan(code=1), bench.apply(code=1)):
            bench.silent(result, before)
            claim("package_bucket" in result.stdout + result.stderr, lambda: f"no way out is told: {result}")


@scenario()
def an_upload_killed_half_way_converges(binary, seed):
    with Bench(binary, seed, latency_ms=10) as bench:
        large(bench, seed, 1)
        for sig, after in ((signal.SIGKILL, 3), (signal.SIGKILL, 5), (signal.SIGINT, 2)):
            bench.killed(after, sig)
        bench.apply()
        stands_in_its_bucket(bench)
        bench.empty_plan()


@scenario()
def lost_answers_of_a_bucket_converge(binary, seed):
    with Bench(binary, seed) as bench:
        large(bench, seed, 1)
        kinds = ("drop_after", "drop_before", "http500_after", "http500", "truncate", "throttle")
        bench.control.faults(*({"service": "cos", "kind": kind, "probability": 0.06} for kind in kinds))
        for _ in range(12):
            result = bench.apply(code=None)
            claim(result.code in (0, 1), lambda: f"with lost answers: {result}")
            if result.code == 0:
                break
        bench.control.faults()
        bench.apply()
        bench.empty_plan()
        code = bench.control.state()["regions"][REGION]["functions"]["default/hook"]["code"]
        claim(code["kind"] == "cos", f"code: {code}")


@scenario()
def another_stack_keeps_its_objects(binary, seed):
    with Bench(binary, seed) as bench:
        first, second = generate.sample(seed), generate.sample(seed + 1)
        second.manifest["functions"] = {f"other-{k}": {**f, "name": f"other-{k}", "triggers": {}}
                                        for k, f in second.manifest["functions"].items()}
        for table in ("policies", "roles", "namespaces"):
            second.manifest.pop(table, None)
        for f in second.manifest["functions"].values():
            for key in ("role", "log", "namespace"):
                f.pop(key, None)
            if "cos" in f["code"]:
                f["code"] = {"demo": "demo-1"}
        bench.use(second)
        bench.apply()
        other = bench.control.state()
        bench.use(first)
        bench.apply()
        bench.run("destroy", "--yes", expect_code=0)
        now = bench.control.state()
        for region, table in other["regions"].items():
            claim(now["regions"][region]["functions"] == table["functions"], f"functions of the other stack changed in {region}")


def lease_values(bench):
    """Tag pairs that belong to no resource's tags: what leases are made of, without the ending that the last run leaves."""
    state = bench.control.state()
    pairs = {k: [x for x in v if "/ended/" not in x] for k, v in state["tag_values"].items() if "lease" in k or "lock" in k}
    return {k: v for k, v in pairs.items() if v}


def lease_free(bench):
    claim(not lease_values(bench), lambda: f"a lease is left behind: {lease_values(bench)}")


@scenario(seeded=True)
def two_applies_raced_leave_one_truth(binary, seed):
    with Bench(binary, seed, latency_ms=5) as bench:
        arguments = ("apply", "--yes")
        bench.write(hook())
        first = bench.command(*arguments)
        bench.write(hook(memory=256))  # the first has read its manifest, or races for the same one
        second = bench.command(*arguments)
        results = [bench.finish(process, arguments) for process in (first, second)]
        codes = [r.code for r in results]
        claim(0 in codes and set(codes) <= {0, 1, 3}, lambda: "; ".join(map(str, results)))
        for result in results:
            if result.code == 3:
                claim(result.json["error"]["kind"] == "refused", lambda: str(result))
                claim(not any(s.get("outcomes") for s in result.json["stacks"]), lambda: f"refused after a write: {result}")
        lease_free(bench)
        bench.apply()
        bench.as_declared()
        bench.empty_plan()


@scenario()
def a_second_apply_is_told_who_the_first_is(binary, seed):
    with Bench(binary, seed) as bench:
        bench.environment = {"USER": "ann", "GITHUB_RUN_ID": "77", "GITHUB_REPOSITORY": "acme/infra"}
        bench.control.faults({"action": "CreateFunction", "kind": "delay", "ms": 2000})
        bench.write(hook())
        arguments = ("apply", "--yes")
        first = bench.command(*arguments)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and sum(map(len, lease_values(bench).values())) < 2:
            time.sleep(0.005)
        before = bench.mark()
        second = bench.run(*arguments, expect_code=3)
        claim(all(e["service"] == "tag" or e["action"] == "CreateFunction" for e in bench.writes(before)),
              lambda: f"the refused one wrote: {[e['action'] for e in bench.writes(before)]}")
        for word in ("ann@", "acme/infra", "77", str(first.pid)):
            claim(word in second.json["error"]["message"], lambda: f"{word} is not named: {second}")
        claim(bench.finish(first, arguments).code == 0, "the holder fails")
        lease_free(bench)
        bench.as_declared()


@scenario()
def a_holder_killed_here_does_not_block_the_next_apply(binary, seed):
    with Bench(binary, seed, latency_ms=20) as bench:
        m = hook()
        m["functions"] = {f"fn-{n}": {**m["functions"]["hook"]} for n in range(8)}
        bench.write(m)
        for writes in range(1, 6):
            bench.killed(writes)
            started = time.monotonic()
            result = bench.apply("--target", "function.fn-0")
            claim(time.monotonic() - started < 20, lambda: f"it waited for a dead holder: {result}")
        bench.apply()
        bench.as_declared()
        bench.empty_plan()


@scenario()
def a_lease_that_may_not_be_taken_fails_before_the_first_write(binary, seed):
    with Bench(binary, seed) as bench:
        bench.write(hook())
        bench.control.faults({"action": "CreateTag", "kind": "refuse", "code": "AuthFailure.UnauthorizedOperation"})
        before = bench.mark()
        result = bench.apply(code=1)
        claim(all(e["action"] == "CreateTag" for e in bench.writes(before)), lambda: str(result))
        claim("--lease off" in result.json["error"]["help"] and "tag:CreateTag" in result.json["error"]["help"], lambda: str(result))
        bench.apply("--lease", "off")
        bench.control.faults({"action": "CreateTag", "kind": "refuse", "code": "InvalidAction"})
        bench.write(hook(memory=256))
        result = bench.apply()
        claim(result.stderr.count("does not know leases") == 1, lambda: str(result))
        bench.as_declared()
