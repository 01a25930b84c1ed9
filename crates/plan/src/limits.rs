//! Every number taken from the platform, each with its source, in one place to change.
//! Where sources disagree the safest reading is taken and labelled.

use std::ops::RangeInclusive;

/// Function name length (SCF quota page 583/11637).
pub const FUNCTION_NAME: RangeInclusive<usize> = 2..=60;
/// Namespace and function name together (same page).
pub const NAMESPACE_AND_NAME: usize = 118;
/// Namespace name length. Sources say 30 (error text) or 60 (international quota page); the safe reading is 30.
pub const NAMESPACE_NAME: RangeInclusive<usize> = 2..=30;
/// Characters of a function or namespace description: 1000 by the API, less the ownership line.
pub const DESCRIPTION: usize = 900;
/// Bytes of a role or policy description (error text of DescriptionLengthOverlimit).
pub const CAM_DESCRIPTION: usize = 300;
/// Role and policy name length (CAM CreateRole).
pub const CAM_NAME: RangeInclusive<usize> = 1..=128;
/// Characters of a policy document without white space (CAM quota page).
pub const POLICY_DOCUMENT: usize = 6144;
/// Policies per role (CAM quota page).
pub const POLICIES_PER_ROLE: usize = 200;
/// Seconds of a role session (CAM CreateRole).
pub const SESSION_DURATION: RangeInclusive<u64> = 0..=43_200;
/// Seconds a run may take (SCF CreateFunction).
pub const TIMEOUT: RangeInclusive<u64> = 1..=900;
/// Seconds a run may take with asynchronous execution (international page on it: 24 hours).
pub const ASYNC_EXECUTION_TIMEOUT: RangeInclusive<u64> = 1..=86_400;
/// Seconds an instance may take to start (international page: 3 to 300).
pub const INIT_TIMEOUT: RangeInclusive<u64> = 3..=300;
/// Largest memory in MB; 64, or 128 to this in steps of 128 (SCF CreateFunction).
pub const MEMORY_MAX: u64 = 3072;
/// Bytes of all variables together (SCF quota page).
pub const ENVIRONMENT: usize = 4096;
/// Length of a variable's name (console text).
pub const ENVIRONMENT_NAME: RangeInclusive<usize> = 2..=64;
/// Prefixes of variables that the platform keeps (error EnvironmentSystemProtect).
pub const ENVIRONMENT_RESERVED: [&str; 3] = ["SCF_", "QCLOUD_", "TENCENTCLOUD_"];
/// Layers of one function (SCF quota page).
pub const LAYERS: usize = 5;
/// Triggers of one type on one function (SCF quota page).
pub const TRIGGERS_PER_TYPE: usize = 10;
/// Functions in one namespace (SCF quota page; can be raised on request, hence a warning).
pub const FUNCTIONS_PER_NAMESPACE: usize = 50;
/// Namespaces in one region (SCF quota page; can be raised on request, hence a warning).
pub const NAMESPACES_PER_REGION: usize = 5;
/// Timer name length. 100 by the API, 60 by the international page; the safe reading is 60.
pub const TIMER_NAME: RangeInclusive<usize> = 1..=60;
/// Bytes of a timer's argument (international timer page).
pub const TIMER_ARGUMENT: usize = 4096;
/// Retries of asynchronous runs (UpdateFunctionEventInvokeConfig).
pub const ASYNC_RETRIES: RangeInclusive<u64> = 0..=2;
/// Seconds an asynchronous event is kept (same).
pub const ASYNC_MAX_AGE: RangeInclusive<u64> = 60..=21_600;
/// Requests one instance serves at once (InstanceConcurrencyConfig).
pub const INSTANCE_CONCURRENCY: RangeInclusive<u64> = 1..=100;
/// Idle seconds of a WebSocket (ProtocolParams).
pub const WEBSOCKET_IDLE: RangeInclusive<u64> = 1..=1800;
/// Default idle seconds of a WebSocket (same).
pub const WEBSOCKET_IDLE_DEFAULT: u64 = 15;
/// Seconds a batch of Kafka messages may wait (trigger page).
pub const CKAFKA_TIMEOUT: RangeInclusive<u64> = 1..=60;
/// Messages of one Kafka batch (trigger page).
pub const CKAFKA_BATCH: RangeInclusive<u64> = 1..=10_000;
/// Tags on one object (Tag quota page).
pub const TAGS: usize = 50;
/// Characters of a tag key (Tag quota page).
pub const TAG_KEY: RangeInclusive<usize> = 1..=127;
/// Characters of a tag value (Tag quota page).
pub const TAG_VALUE: RangeInclusive<usize> = 1..=255;
/// Runtimes named by CreateFunction, and those other official clients use (facts SCF 4.3). An open set.
pub const RUNTIMES: [&str; 23] = [
    "CustomRuntime",
    "CustomImage",
    "Python2.7",
    "Python3.6",
    "Python3.7",
    "Python3.9",
    "Python3.10",
    "Nodejs6.10",
    "Nodejs8.9",
    "Nodejs10.15",
    "Nodejs12.16",
    "Nodejs14.18",
    "Nodejs16.13",
    "Nodejs18.15",
    "Nodejs20.19",
    "Php5.6",
    "Php7",
    "Php7.4",
    "Php8.0",
    "Go1",
    "Java8",
    "Java11",
    "Php5.2",
];
/// Regions named by the SCF pages (facts SCF 1.3). Lists differ by page, so an unknown one is a warning.
pub const REGIONS: [&str; 19] = [
    "ap-bangkok",
    "ap-beijing",
    "ap-chengdu",
    "ap-chongqing",
    "ap-guangzhou",
    "ap-hongkong",
    "ap-jakarta",
    "ap-mumbai",
    "ap-nanjing",
    "ap-seoul",
    "ap-shanghai",
    "ap-shanghai-fsi",
    "ap-shenzhen-fsi",
    "ap-singapore",
    "ap-tokyo",
    "eu-frankfurt",
    "na-ashburn",
    "na-siliconvalley",
    "sa-saopaulo",
];
/// Bytes of an archive that travels inside a request. A request may have 10 MB (facts SCF 4.1) and base64 adds a third;
/// 7 MB leaves room for the rest of the request.
pub const PACKAGE_IN_REQUEST: u64 = 7 * 1024 * 1024;
/// Characters of a bucket's name with its appid: a label of its host (facts CAM 8.3 has 60 for it).
pub const BUCKET_NAME: usize = 60;
/// Characters of `package_bucket.prefix`; a key holds 850 bytes (facts CAM 8.3), of which the rest takes 110.
pub const PACKAGE_PREFIX: usize = 200;
/// MPS event types that a function can be bound to (trigger page).
pub const MPS_EVENTS: [&str; 2] = ["WorkflowTask", "EditMediaTask"];
/// Events of a bucket (trigger page).
pub const COS_EVENTS: [&str; 12] = [
    "cos:ObjectCreated:*",
    "cos:ObjectCreated:Put",
    "cos:ObjectCreated:Post",
    "cos:ObjectCreated:Copy",
    "cos:ObjectCreated:CompleteMultipartUpload",
    "cos:ObjectCreated:Origin",
    "cos:ObjectCreated:Replication",
    "cos:ObjectRemove:*",
    "cos:ObjectRemove:Delete",
    "cos:ObjectRemove:DeleteMarkerCreated",
    "cos:ObjectRestore:Post",
    "cos:ObjectRestore:Completed",
];
