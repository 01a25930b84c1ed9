//! What the local cloud does and how sure we are that the real one does it too. One table;
//! `docs/local-cloud.md` is made from it, so a behaviour that changes here changes there.

/// How sure we are of a behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// The services' published pages or definitions say so.
    Documented,
    /// Clients in the field rely on it, or their authors report it.
    Observed,
    /// Nothing settles it; this is our choice.
    Assumed,
}

impl Certainty {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Observed => "observed",
            Self::Assumed => "assumed",
        }
    }
}

/// One behaviour.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    /// Short name, unique; its part before the dot is the area.
    pub id: &'static str,
    /// How sure we are.
    pub certainty: Certainty,
    /// What happens, in a sentence.
    pub sentence: &'static str,
    /// Where it comes from; what speaks against it, if something does.
    pub source: &'static str,
}

const fn behaviour(id: &'static str, certainty: Certainty, sentence: &'static str, source: &'static str) -> Behaviour {
    Behaviour { id, certainty, sentence, source }
}

use Certainty::{Assumed, Documented, Observed};

/// Every behaviour, by area.
pub const BEHAVIOURS: &[Behaviour] = &[
    behaviour(
        "protocol.errors",
        Documented,
        "Errors are HTTP 200 with `Response.Error`; the content type is exactly `application/json`.",
        "API 3.0 response page; the Python SDK compares the header for equality",
    ),
    behaviour(
        "protocol.tc3",
        Documented,
        "TC3-HMAC-SHA256 is verified over the raw bytes and whatever SignedHeaders lists; content-type and host must be among them.",
        "signature v3 page",
    ),
    behaviour(
        "protocol.host",
        Observed,
        "A signature over the host verifies with and without its port.",
        "Python and Go SDKs sign the port, the Node SDK does not",
    ),
    behaviour(
        "protocol.skew",
        Documented,
        "A clock difference above 300 s is `AuthFailure.SignatureExpire`; exactly 300 s passes.",
        "error code page; the edge is assumed",
    ),
    behaviour(
        "protocol.order",
        Assumed,
        "Checks run in this order: form, clock, key, token, signature, version, action, members, rate.",
        "not published",
    ),
    behaviour(
        "protocol.get",
        Documented,
        "A signed GET takes flattened members (`Filters.0.Name`); text is read as the member's type.",
        "official samples",
    ),
    behaviour(
        "protocol.members",
        Documented,
        "Unknown members are `UnknownParameter`, missing ones `MissingParameter`.",
        "common error codes",
    ),
    behaviour(
        "protocol.types",
        Assumed,
        "A wrong type is `InvalidParameter`, naming the member; an explicit null counts as absent.",
        "the services' wording is not published",
    ),
    behaviour(
        "protocol.unserved",
        Assumed,
        "An action of the definition that is not served is `UnsupportedOperation`, naming what is.",
        "our choice",
    ),
    behaviour("protocol.size", Documented, "A POST holds 10 MB, a GET query 32 KB.", "request structure page"),
    behaviour(
        "protocol.rates",
        Documented,
        "With rates on, each action is held to its published calls a second; others to 20.",
        "SCF overview 583/17235, CAM 598/33556-33562, Tag 651/35307, STS 1312/48207; the 20 is assumed",
    ),
    behaviour(
        "function.status",
        Documented,
        "Create, update and publish are asynchronous: Creating, Updating, Publishing, then Active or the failed form.",
        "status page 583/115197",
    ),
    behaviour(
        "function.busy",
        Observed,
        "Changes of a busy function are refused with `FailedOperation.<Action>`, trigger changes with `FailedOperation.CreateTrigger`.",
        "error lists of the Go SDK; reports of clients",
    ),
    behaviour(
        "function.visible",
        Assumed,
        "A changed configuration shows while the status is still Updating.",
        "not published",
    ),
    behaviour(
        "function.update-failed",
        Assumed,
        "A function in UpdateFailed takes further updates; one in CreateFailed only its deletion.",
        "clients disagree about the first",
    ),
    behaviour(
        "function.absent",
        Observed,
        "An absent function is `ResourceNotFound.Function` in every action, ListTriggers included.",
        "clients' list of not-found codes; ListTriggers' own list lacks it",
    ),
    behaviour(
        "function.defaults",
        Documented,
        "128 MB, 3 s, initialisation 65 s (image 90 s), public network on, everything else off.",
        "member definitions; sources disagree about the initialisation",
    ),
    behaviour(
        "function.handler",
        Observed,
        "The handler changes through UpdateFunctionCode only; UpdateFunctionConfiguration answers `UnknownParameter`.",
        "reported; another report says InvalidParameterValue.Handler",
    ),
    behaviour(
        "function.runtime",
        Observed,
        "Another runtime in an update is `InvalidParameterValue.Runtime`.",
        "reported; another report says FailedOperation.UpdateFunctionConfiguration",
    ),
    behaviour("function.image", Assumed, "A function cannot change between a package and an image.", "not published"),
    behaviour(
        "function.environment",
        Observed,
        "The environment is replaced as a whole; one pair of empty texts clears it; an empty list changes nothing.",
        "Terraform provider, component toolkit",
    ),
    behaviour(
        "function.layers",
        Documented,
        "One layer with an empty name clears the layers; an empty list changes nothing.",
        "definition of LayerVersionSimple; the second half is assumed, one client sends it",
    ),
    behaviour("function.clear", Assumed, "Empty texts clear description, role, VPC and log topic.", "not published"),
    behaviour(
        "function.logs",
        Documented,
        "Changing the log topic needs Role in the same request (`InvalidParameterValue.ClsRole`).",
        "error code text",
    ),
    behaviour(
        "function.role",
        Assumed,
        "The execution role must exist (`ResourceNotFound.Role`) and trust scf.qcloud.com (`InvalidParameter.RoleCheck`).",
        "codes are published, the conditions are not",
    ),
    behaviour(
        "function.spelling",
        Observed,
        "Lists come back in another order than sent, layers with full information, images with a digest, extra members filled in.",
        "official samples; order is not promised",
    ),
    behaviour(
        "function.tags",
        Documented,
        "Tags given to CreateFunction are kept. The fault `ignore` plays a service that overlooks them.",
        "member definition; one report says they are ignored",
    ),
    behaviour("function.package", Documented, "What is not base64 or not a zip is refused at once.", "error codes"),
    behaviour(
        "function.create-failed",
        Assumed,
        "A package without an executable `bootstrap` (custom runtime) or `scf_bootstrap` (HTTP), with links or with paths that leave the folder ends in CreateFailed or UpdateFailed with StatusReasons.",
        "the platform documents a start failure only",
    ),
    behaviour(
        "function.sha256",
        Assumed,
        "CodeSha256 is the digest of the zip bytes as uploaded.",
        "no source says so",
    ),
    behaviour(
        "function.cos",
        Assumed,
        "A package in COS is read when the function is made or changed; later writes to the object change no function. A missing object is ResourceNotFound.CosObject; whether a role may read it is not checked.",
        "error codes; when it is read is told nowhere",
    ),
    behaviour(
        "function.delete",
        Assumed,
        "DeleteFunction takes the function's triggers along; a bound MPS event type stays held until it is unbound.",
        "nothing documents either",
    ),
    behaviour("function.rows", Assumed, "ListFunctions answers at most 100 rows.", "clients ask for 100"),
    behaviour(
        "function.quota",
        Documented,
        "50 functions a namespace, 5 namespaces a region, 10 triggers of a type, 5 layers, 1,000 versions, 4 KB of environment.",
        "quota page 583/11637",
    ),
    behaviour(
        "trigger.timer",
        Documented,
        "A timer takes five or seven fields and comes back as `{\"cron\": ...}` with seven.",
        "timer page, official sample",
    ),
    behaviour("trigger.timer-json", Assumed, "The JSON form is taken too.", "one client's matcher tolerates it"),
    behaviour(
        "trigger.enable",
        Assumed,
        "A trigger created without Enable is closed; without Qualifier it is on `$LATEST`.",
        "official sample for the first, member text for the second; they contradict each other about the qualifier",
    ),
    behaviour(
        "trigger.qualifier",
        Observed,
        "DeleteTrigger finds a trigger on its own qualifier only.",
        "component toolkit",
    ),
    behaviour(
        "trigger.cos",
        Documented,
        "Cos triggers share their bucket's name and are told apart by TriggerDesc; overlapping rules conflict.",
        "trigger pages",
    ),
    behaviour(
        "trigger.http",
        Documented,
        "The server names a function URL; there is one per qualifier.",
        "official sample, page 583/100227",
    ),
    behaviour(
        "trigger.mps",
        Observed,
        "MPS BindTrigger and UnbindTrigger make and release bindings; they show in ListTriggers as type mps with the event type at the end of ResourceId.",
        "component toolkit; no public definition",
    ),
    behaviour(
        "trigger.mps-one",
        Documented,
        "One function of the account holds an event type; binding it elsewhere is `ResourceInUse.Trigger`.",
        "older pages; newer ones say one trigger in all; the code is assumed",
    ),
    behaviour(
        "trigger.mps-off",
        Observed,
        "UnbindTrigger leaves the trigger listed with BindStatus off until SCF DeleteTrigger echoes it.",
        "component toolkit",
    ),
    behaviour("trigger.mps-create", Assumed, "SCF CreateTrigger with type mps binds too.", "not published"),
    behaviour(
        "role.document",
        Documented,
        "Role and policy documents come back reshaped: other key order, lists for scalars, escaped slashes.",
        "official samples",
    ),
    behaviour(
        "role.principal",
        Documented,
        "An unknown service principal is `InvalidParameter.PrincipalServiceNotExist`.",
        "error code text; the list of services is ours",
    ),
    behaviour(
        "role.attach-twice",
        Assumed,
        "Attaching twice and detaching what is not attached succeed.",
        "no code is published",
    ),
    behaviour("role.attach-name", Documented, "PolicyName attaches preset policies only.", "member definition"),
    behaviour("role.delete", Assumed, "Deleting a role or policy detaches what was attached.", "not published"),
    behaviour(
        "role.list-absent",
        Observed,
        "ListAttachedRolePolicies of an absent role is empty.",
        "its error list lacks RoleNotExist",
    ),
    behaviour(
        "role.lag",
        Assumed,
        "A new role is visible at once. The fault `stale` plays the lag.",
        "not published; clients wait",
    ),
    behaviour(
        "tag.names",
        Observed,
        "Six-segment names are taken with the account's uin or with none.",
        "Terraform provider, component toolkit",
    ),
    behaviour(
        "tag.partial",
        Documented,
        "What fails for one resource stands in FailedResources of a call that succeeds.",
        "action definition",
    ),
    behaviour(
        "tag.by-tags",
        Documented,
        "DescribeResourcesByTags lists resources that have every key of TagFilters with one of its values.",
        "action definition; that keys are joined by AND is assumed",
    ),
    behaviour(
        "tag.pairs",
        Documented,
        "CreateTag refuses a pair that exists, DeleteTag one that does not or that is attached. A pair needs no resource, and shows in DescribeTags at once.",
        "error lists; when it shows is assumed",
    ),
    behaviour(
        "tag.limits",
        Documented,
        "50 tags a resource, 1,000 keys, 1,000 values a key, 10 resources and tags a call.",
        "tag limits page",
    ),
    behaviour(
        "sts.trust",
        Assumed,
        "AssumeRole wants the account among the role's qcs principals; a web identity wants the provider among the federated ones and its claims to meet string_equal conditions.",
        "grammar page; the codes are assumed",
    ),
    behaviour(
        "sts.jwt",
        Assumed,
        "A web identity token's form, age and claims are checked, its signature is not.",
        "no identity provider's keys are known here",
    ),
    behaviour(
        "run.runtime-api",
        Documented,
        "A custom runtime's `bootstrap` runs under the runtime API: init/ready, invocation/next, response, error; one event at a time, more instances for more events.",
        "custom runtime page",
    ),
    behaviour(
        "run.limits",
        Documented,
        "Init timeout, timeout and memory are enforced; an instance that breaks one is stopped.",
        "status code page; memory is the resident size, of the first process every 20 ms and of all together every 100 ms",
    ),
    behaviour(
        "run.processes",
        Documented,
        "1,024 open files a process, 1,024 processes and threads an instance.",
        "quota page 583/11637; that more end the instance is assumed",
    ),
    behaviour(
        "run.leftovers",
        Assumed,
        "Every process of an instance ends with it: its group, and whatever left the group but carries `LOCAL_CLOUD_INSTANCE` in its environment. What a killed local cloud left running ends when its store is opened again.",
        "our choice: the platform ends a machine, here is none",
    ),
    behaviour(
        "run.exit",
        Documented,
        "A process that ends during an event fails it; an exit and a crash are told apart in words.",
        "status codes 405 and 439; the wording is ours",
    ),
    behaviour(
        "run.result",
        Assumed,
        "A failure stands in ErrMsg and as a JSON text in RetMsg; InvokeResult is 1.",
        "not published",
    ),
    behaviour(
        "run.status",
        Assumed,
        "A function can be invoked unless it is Creating, CreateFailed or Deleting.",
        "a failed or running update keeps the previous content serving",
    ),
    behaviour(
        "run.logs",
        Documented,
        "Logs have START, the output, Response or ERROR, END and Report lines; 8 KB a line, 5,000 lines and 1 MB a request. A last line says how much was cut.",
        "log structure page; the last line is ours",
    ),
    behaviour(
        "run.logs-action",
        Assumed,
        "GetFunctionLogs answers, though the platform has retired it; records live as long as the process.",
        "our choice: there is no log service here",
    ),
    behaviour(
        "run.tmp",
        Assumed,
        "TMPDIR names a folder of the instance's own; `/tmp` itself is the machine's, and the code folder can be written.",
        "cannot be had without privileges",
    ),
    behaviour(
        "run.endpoint",
        Assumed,
        "`PROVISION_ENDPOINT` in a function's environment names the local cloud.",
        "our choice: calls of functions stay here",
    ),
    behaviour(
        "run.robots",
        Assumed,
        "WeCom robots named by `WECOM_WEBHOOK_KEY` or `WECOM_WEBHOOK_URL` are the stand-in's: nothing posts to a real group.",
        "our choice: a laptop must not write to people",
    ),
    behaviour(
        "run.retries",
        Documented,
        "Asynchronous failures are tried again RetryNum times, a minute apart; lack of instances and failures of ours until MsgTTL. Functions with AsyncRunEnable are not tried again.",
        "retry page; the minute scales with an option",
    ),
    behaviour("run.async-lost", Assumed, "Asynchronous events that wait are lost when the process ends.", "our choice"),
    behaviour(
        "run.concurrency",
        Assumed,
        "64 instances of a function at most; a reservation lowers it.",
        "the platform allows a region's total",
    ),
    behaviour(
        "run.languages",
        Assumed,
        "Python 3 and Node.js functions run with the machine's own program; other runtimes and images do not run.",
        "our choice",
    ),
    behaviour(
        "run.timer",
        Documented,
        "Timers fire with Type, TriggerName, Time and Message, by the clock of UTC+8.",
        "timer page; the zone is assumed",
    ),
    behaviour(
        "run.mps",
        Observed,
        "An MPS event reaches the function that holds its type as an asynchronous invocation.",
        "trigger page",
    ),
    behaviour(
        "cos.host",
        Documented,
        "Requests whose Host is BUCKET-APPID.cos.REGION.myqcloud.com are for COS; refusals are XML, answers to HEAD have no text.",
        "request pages of COS",
    ),
    behaviour(
        "cos.buckets",
        Assumed,
        "Every bucket with a proper name exists, whatever its appid; making one is accepted. Policies and versions of buckets are not played.",
        "our choice",
    ),
    behaviour(
        "cos.signature",
        Documented,
        "The HMAC-SHA1 signature is verified over method, path and whatever the two lists name; the host counts without its port.",
        "request signature page; the Python SDK",
    ),
    behaviour(
        "cos.requests",
        Documented,
        "PUT (also with x-cos-forbid-overwrite), GET, HEAD and DELETE of an object, and multipart uploads: initiate, upload, list, complete, abort. Every other request is 405.",
        "object pages of COS",
    ),
    behaviour(
        "cos.parts",
        Documented,
        "Parts are numbered 1 to 10,000 and have 1 MB at least, the last one aside; they are named in ascending order with their ETags.",
        "limits page; multipart pages",
    ),
    behaviour(
        "cos.body",
        Assumed,
        "One request carries 200 MB at most, for memory holds it.",
        "the limits page has 5 GB",
    ),
    behaviour("cos.events", Assumed, "Writing an object fires no cos trigger.", "not built"),
    behaviour(
        "url.address",
        Assumed,
        "A function URL answers at `/_url/TRIGGER/...` and to requests that carry its documented host, `APPID-TRIGGER.REGION.tencentscf.com` or the intranet form; the address in TriggerDesc stays the documented one.",
        "page 583/96099 for the hosts; the path is ours, as this machine has no such names",
    ),
    behaviour(
        "url.event",
        Documented,
        "An event function gets httpMethod, path, headers (with x-scf-remote-addr), queryString and body.",
        "pages 583/96099 and 583/69491; assumed: isBase64Encoded comes with a body that is no text, lists with repeated names, and the API gateway members with ApiGwCompatible",
    ),
    behaviour(
        "url.response",
        Documented,
        "An answer with statusCode becomes that response (headers, body, isBase64Encoded); any other answer is the body of a 200.",
        "same pages; the content type of other answers is assumed",
    ),
    behaviour(
        "url.failure",
        Assumed,
        "A failure is the platform's status code as HTTP status (430, 433, 439, 446, ...) with errorCode, errorMessage, requestId and statusCode as JSON; `X-Scf-Request-Id` is on every answer.",
        "status code page for the numbers",
    ),
    behaviour(
        "url.auth",
        Documented,
        "AuthType CAM takes requests signed with TC3-HMAC-SHA256 for service scf: 401 without a signature, 403 with a wrong one.",
        "pages 583/96100 and 583/69493; assumed: the statuses, that the signature may cover `/` or the path, and that policies are not looked at",
    ),
    behaviour(
        "url.closed",
        Assumed,
        "A switched-off trigger, or a side (EnableExtranet, EnableIntranet) that is off, is 403; an unknown URL is 404.",
        "statuses are not published",
    ),
    behaviour(
        "url.cors",
        Documented,
        "CorsConfig answers preflights with 204 before any check of signatures and marks every answer; its word replaces the function's.",
        "trigger description page; the details are assumed",
    ),
    behaviour(
        "url.limits",
        Documented,
        "A request and an answer hold 6 MB, an HTTP function's headers 4 KB: 406 and 407.",
        "quota page 583/11637, HTTP function pages; that headers are 407 is assumed",
    ),
    behaviour(
        "web.start",
        Documented,
        "An HTTP function's `scf_bootstrap` is ready when it listens, on all addresses: 405 when it ends before, 446 when nothing listens within the init timeout.",
        "HTTP function pages, status code page",
    ),
    behaviour(
        "web.port",
        Assumed,
        "`PORT` and `_SCF_SERVER_PORT` give the port to listen on; a server that ignores them may have 9000, if no other program has.",
        "9000 is documented; instances on one machine cannot share it",
    ),
    behaviour(
        "web.headers",
        Documented,
        "Requests carry X-Scf-Request-Id, -Memory, -Timeout, -Version, -Name, -Namespace, -Region, -Appid and -Uin; what a caller sends under these names is dropped.",
        "HTTP function pages; MB and milliseconds are assumed",
    ),
    behaviour(
        "web.instance",
        Assumed,
        "An HTTP function has one instance here. It takes as many requests at once as InstanceConcurrencyConfig says (static: MaxConcurrency, dynamic: 100, none: 1); others wait, up to the timeout, then 432.",
        "the platform starts more instances",
    ),
    behaviour(
        "web.whole",
        Assumed,
        "Answers are passed on when they are whole; there are no WebSockets.",
        "our choice",
    ),
    behaviour(
        "web.events",
        Assumed,
        "Invoke, timers and other triggers of an HTTP function fail with status 443.",
        "HTTP functions take function URLs and API gateways only",
    ),
    behaviour(
        "wecom.limits",
        Documented,
        "A robot takes 20 messages a minute, 2,048 bytes of text, 4,096 of markdown; too long is 40058, too many 45009.",
        "robot page; refused messages count too by one report",
    ),
    behaviour(
        "wecom.keys",
        Observed,
        "Any key is a robot of a group of its own, but an empty or all-zero one is 93000.",
        "answers seen in the field",
    ),
    behaviour("wecom.charset", Observed, "`\\u` escapes beyond ASCII are 40033.", "global error list"),
];

/// The page that shows the table.
#[must_use]
pub fn page() -> String {
    let mut text = String::from(
        "# The local cloud: what it does, and how sure we are\n\n\
         Made from `crates/localcloud/src/behaviours.rs`; change it there and run\n\
         `UPDATE=1 cargo test -p localcloud --test docs`.\n\n\
         **documented**: published pages or definitions say so. **observed**: clients in the field rely on it or report it.\n\
         **assumed**: nothing settles it; this is our choice, to be checked against a real account.\n",
    );
    let mut area = "";
    for behaviour in BEHAVIOURS {
        let this = behaviour.id.split('.').next().unwrap_or_default();
        if this != area {
            area = this;
            text.push_str(&format!(
                "\n## {area}\n\n| behaviour | | what happens | source |\n| --- | --- | --- | --- |\n"
            ));
        }
        text.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            behaviour.id,
            behaviour.certainty.word(),
            behaviour.sentence,
            behaviour.source
        ));
    }
    text
}
