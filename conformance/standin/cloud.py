"""The pretend account: plain dictionaries, so that `/_standin/state` is a JSON dump and a stale answer
is a deep copy. Knows about time (objects settle after `settle_ms`) and about nothing of HTTP."""

import copy
import dataclasses
import random
import time

from .cos import Store

NEVER = 1e18
PRESET_POLICIES = {
    "AdministratorAccess": 1, "QCloudResourceFullAccess": 2, "QcloudAccessForCDNRole": 16313162,
    "QcloudAccessForScfRole": 28341895, "QcloudAccessForSCFRoleInPullImage": 45236218,
    "QcloudAccessForMPSRole": 9124531, "QcloudAccessForMPSRoleInDeliverToSCF": 51872043,
    "QcloudSCFInvokeFunctionAccess": 61930122, "QcloudSCFFullAccess": 1046782,
    "QcloudSCFReadOnlyAccess": 1046783, "QcloudMPSFullAccess": 1048221, "QcloudCLSFullAccess": 1049111,
    "QcloudCOSDataReadOnly": 1049321, "QcloudCOSBucketConfigRead": 1049322,
    "QcloudCOSBucketConfigWrite": 1049323, "QcloudAPIGWFullAccess": 1049555,
    "QcloudCamReadOnlyAccess": 1050666, "QcloudCKafkaFullAccess": 1051777,
}
FILLER_POLICIES = 230  # so that a list of presets needs paging at 200 a page
DEFAULT_LAYERS = {"ffmpeg": 6, "fonts": 4}


@dataclasses.dataclass
class Options:
    """How this stand-in behaves where sources disagree, and how hard it makes life."""
    seed: int = 0
    settle_ms: int = 30
    latency_ms: int = 0
    rates: bool = False
    spelling: str = "documented"    # plain | documented | wild
    ignore_create_tags: bool = False
    auto_cls: bool = True           # server-made log topics where none are declared
    mps_one_in_all: bool = False    # one MPS trigger an account instead of one per event type
    mps_via_scf: bool = False       # SCF CreateTrigger takes type mps
    strict_description: bool = False  # the documented alphabet only
    role_lag_ms: int = -1           # how long a new role is not usable; below zero: as settle_ms
    sticky: str = ""                # comma list of vpc, role, description: clearing is silently ignored
    functions_per_namespace: int = 50
    namespaces_per_region: int = 5


class Cloud:
    def __init__(self, options):
        self.options = options
        self.account, self.user, self.appid = "100000000001", "100000000002", 1250000000
        self.keys = {"AKIDstandinEXAMPLE": ("standinSecretEXAMPLE", None),
                     "ASIAstandinTEMPORARY": ("standinTemporarySecret", "standin-token-EXAMPLE")}
        self.regions = {}
        self.roles = {}
        self.policies = {}
        self.tag_values = {}
        self.blobs = {}
        self.store = Store()
        self.busy = []
        self.counter = 0
        presets = dict(PRESET_POLICIES)
        for n in range(FILLER_POLICIES):
            presets[f"QcloudProduct{n:03}{'FullAccess' if n % 2 else 'ReadOnlyAccess'}"] = 2000000 + n
        for name, ident in presets.items():
            self.policies[ident] = {
                "id": ident, "name": name, "preset": True, "description": "", "alias": "", "tags": {},
                "document": {"version": "2.0", "statement": [
                    {"effect": "allow", "action": ["*"], "resource": ["*"]}]},
                "versions": {1: None}, "default": 1, "add_time": "2019-04-19 10:55:31",
                "update_time": "2019-04-19 10:55:31"}

    # -- clock and identity

    def now(self):
        return time.monotonic() * 1000

    def stamp(self):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 8 * 3600))

    def next(self):
        self.counter += 1
        return self.counter

    def ident(self, prefix, length=8):
        rng = random.Random(f"{self.options.seed}/{prefix}/{self.next()}")
        return prefix + "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(length))

    def role_lag(self):
        lag = self.options.role_lag_ms
        return self.options.settle_ms if lag < 0 else lag

    def usable_role(self, name):
        """A role another service can see: it exists and its lag is over."""
        role = self.roles.get(name)
        return role is not None and self.now() >= role["usable_at"]

    # -- regions and functions

    def region(self, name):
        if name not in self.regions:
            stamp = "2024-10-17 09:29:45"
            self.regions[name] = {
                "namespaces": {"default": {"name": "default", "description": "", "add_time": stamp,
                                           "mod_time": stamp}},
                "functions": {}, "layers": dict(DEFAULT_LAYERS)}
        return self.regions[name]

    def functions(self):
        for region in self.regions.values():
            yield from region["functions"].values()

    def begin(self, function, status, then="Active", stay_pending_ms=None):
        """Starts an asynchronous change: `status` now, `then` when it has settled (None: gone)."""
        wait = self.options.settle_ms if stay_pending_ms is None else stay_pending_ms
        function["status"], function["then"] = status, then
        function["ready_at"] = self.now() + wait
        self.busy.append((function["region"], function["namespace"], function["name"]))
        self.settle()

    def settle(self, everything=False):
        still = []
        for region, namespace, name in self.busy:
            functions = self.regions[region]["functions"]
            function = functions.get(f"{namespace}/{name}")
            if function is None or function["then"] is False:
                continue
            if not everything and self.now() < function["ready_at"]:
                still.append((region, namespace, name))
            elif function["then"] is None:
                del functions[f"{namespace}/{name}"]
            else:
                function["status"], function["then"] = function["then"], False
        self.busy = still

    def snapshot(self):
        twin = copy.copy(self)
        for part in ("regions", "roles", "policies", "tag_values"):
            setattr(twin, part, copy.deepcopy(getattr(self, part)))
        twin.busy = list(self.busy)
        return twin

    # -- tags

    def note_tags(self, tags):
        """Remembers values per key, as the account-wide limit of 1,000 counts them."""
        for key, value in tags.items():
            self.tag_values.setdefault(key, set()).add(value)

    def dump(self):
        self.settle()
        return {"account": self.account, "regions": self.regions, "roles": self.roles,
                "policies": {k: v for k, v in self.policies.items() if not v["preset"]},
                "tag_values": {k: sorted(v) for k, v in self.tag_values.items()}, "cos": self.store.dump()}


@dataclasses.dataclass
class Call:
    """One request on its way through a service module."""
    cloud: Cloud
    service: str
    action: str
    region: str
    params: dict
    rng: random.Random
    origin: str = ""                 # http://host:port of this server, for download links
    stay_pending_ms: int | None = None

    def get(self, name, default=None):
        return self.params.get(name, default)
