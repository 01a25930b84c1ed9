//! The preset policies that matter here, by name. Real ids differ between accounts, except those of the
//! official samples; do not rely on them.

/// A policy of the platform.
#[derive(Debug, Clone, Copy)]
pub(super) struct Preset {
    pub(super) id: u64,
    pub(super) name: &'static str,
    /// Service that it is listed under.
    pub(super) service: &'static str,
    /// Actions that it allows, on every resource.
    pub(super) actions: &'static [&'static str],
}

const fn preset(id: u64, name: &'static str, service: &'static str, actions: &'static [&'static str]) -> Preset {
    Preset { id, name, service, actions }
}

/// Presets by id, ascending.
pub(super) const PRESETS: [Preset; 32] = [
    preset(1, "AdministratorAccess", "", &["*"]),
    preset(2, "QCloudResourceFullAccess", "", &["*"]),
    preset(3, "ReadOnlyAccess", "", &["*:Describe*", "*:Get*", "*:List*"]),
    preset(534_122, "QcloudCamFullAccess", "cam", &["cam:*"]),
    preset(534_123, "QcloudCamReadOnlyAccess", "cam", &["cam:List*", "cam:Get*", "cam:Describe*"]),
    preset(534_124, "QcloudCamRoleFullAccess", "cam", &["cam:*Role*"]),
    preset(534_130, "QcloudCamSubaccountsAuthorizeRoleFullAccess", "cam", &["cam:PassRole"]),
    preset(535_100, "QcloudCOSFullAccess", "cos", &["cos:*"]),
    preset(535_101, "QcloudCOSReadOnlyAccess", "cos", &["cos:Get*", "cos:List*", "cos:Head*"]),
    preset(535_102, "QcloudCOSDataReadOnly", "cos", &["cos:GetObject*", "cos:HeadObject", "cos:GetBucket"]),
    preset(535_103, "QcloudCOSBucketConfigRead", "cos", &["cos:GetBucket*"]),
    preset(535_104, "QcloudCOSBucketConfigWrite", "cos", &["cos:PutBucket*"]),
    preset(536_100, "QcloudSCFFullAccess", "scf", &["scf:*"]),
    preset(536_101, "QcloudSCFReadOnlyAccess", "scf", &["scf:Get*", "scf:List*"]),
    preset(536_102, "QcloudSCFInvokeFunctionAccess", "scf", &["scf:InvokeFunction", "scf:Invoke"]),
    preset(537_100, "QcloudMPSFullAccess", "mps", &["mps:*"]),
    preset(537_101, "QcloudMPSReadOnlyAccess", "mps", &["mps:Describe*"]),
    preset(538_100, "QcloudCLSFullAccess", "cls", &["cls:*"]),
    preset(538_101, "QcloudCLSReadOnlyAccess", "cls", &["cls:get*", "cls:list*", "cls:search*"]),
    preset(539_100, "QcloudVPCFullAccess", "vpc", &["vpc:*"]),
    preset(539_101, "QcloudVPCReadOnlyAccess", "vpc", &["vpc:Describe*"]),
    preset(540_100, "QcloudCKafkaFullAccess", "ckafka", &["ckafka:*"]),
    preset(541_100, "QcloudAPIGWFullAccess", "apigw", &["apigw:*"]),
    preset(542_100, "QcloudCFSFullAccess", "cfs", &["cfs:*"]),
    preset(543_100, "QcloudTAGFullAccess", "tag", &["tag:*"]),
    preset(544_100, "QcloudMonitorFullAccess", "monitor", &["monitor:*"]),
    preset(545_100, "QcloudTCRReadOnlyAccess", "tcr", &["tcr:Describe*", "tcr:Pull*"]),
    preset(546_100, "QcloudKMSFullAccess", "kms", &["kms:*"]),
    preset(
        5_350_001,
        "QcloudAccessForScfRole",
        "scf",
        &[
            "ckafka:List*",
            "ckafka:Describe*",
            "ckafka:AddRoute",
            "ckafka:CreateRoute",
            "apigw:ReleaseService",
            "apigw:CreateService",
            "apigw:CreateApi",
            "apigw:DeleteApi",
            "cls:*",
            "cos:List*",
            "cos:Get*",
            "cos:Head*",
            "cos:PutBucket",
            "cos:OptionsObject",
            "cmqqueue:*",
            "cmqtopic:*",
        ],
    ),
    preset(5_350_002, "QcloudAccessForSCFRoleInPullImage", "scf", &["tcr:PullRepository*", "tcr:Describe*"]),
    preset(
        5_350_003,
        "QcloudAccessForMPSRole",
        "mps",
        &["cos:List*", "cos:Get*", "cos:Put*", "cmqqueue:*", "cmqtopic:*"],
    ),
    preset(5_350_004, "QcloudAccessForMPSRoleInDeliverToSCF", "mps", &["scf:InvokeFunction", "scf:*Trigger"]),
];

/// The preset of that exact name.
pub(super) fn by_name(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// The preset of that id.
pub(super) fn by_id(id: u64) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.id == id)
}

impl Preset {
    pub(super) fn document(&self) -> String {
        serde_json::json!({
            "version": "2.0",
            "statement": [{"effect": "allow", "action": self.actions, "resource": "*"}],
        })
        .to_string()
    }

    pub(super) fn description(&self) -> String {
        format!("preset policy {}", self.name)
    }
}
