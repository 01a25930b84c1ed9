//! SCF functions: create, read, list, update, delete. Every write here is asynchronous: it answers before the
//! function settles, and waiting for [`GetFunctionAnswer::status`] is the caller's job.

use super::{Flag, SERVICE, Switch, Trigger};
use crate::api::{Done, action, answer, object, opaque_debug, row};

action! {
    /// Creates a function, which starts in status `Creating`.
    CreateFunction: Write -> Done {
        function_name: String,
        code: Code,
    } optional {
        handler: String,
        description: String,
        memory_size: u64,
        timeout: u64,
        environment: Environment,
        runtime: String,
        vpc_config: VpcConfig,
        namespace: String,
        role: String,
        install_dependency: Flag,
        cls_logset_id: String,
        cls_topic_id: String,
        r#type: String,
        code_source: String,
        layers: Vec<LayerVersionSimple>,
        dead_letter_config: DeadLetterConfig,
        public_net_config: PublicNetConfigIn,
        cfs_config: CfsConfig,
        init_timeout: u64,
        tags: Vec<Tag>,
        async_run_enable: Flag,
        trace_enable: Flag,
        auto_deploy_cls_topic_index: Flag,
        auto_create_cls_topic: Flag,
        protocol_type: String,
        protocol_params: ProtocolParams,
        instance_concurrency_config: InstanceConcurrencyConfig,
        dns_cache: Flag,
        intranet_config: IntranetConfigIn,
    }
}

action! {
    /// Reads one function with its tags and triggers.
    GetFunction: Read -> GetFunctionAnswer {
    } optional {
        function_name: String,
        qualifier: String,
        namespace: String,
        show_code: Flag,
    }
}

action! {
    /// Lists the functions of one namespace, summaries only. See [`crate::Client::list`] for all pages.
    ListFunctions: Read -> ListFunctionsAnswer {
    } optional {
        order: String,
        orderby: String,
        offset: u64,
        limit: u64,
        search_key: String,
        namespace: String,
        description: String,
        filters: Vec<Filter>,
    }
}

action! {
    /// Deletes a function: every version of it when no qualifier is given.
    DeleteFunction: Write -> Done {
        function_name: String,
    } optional {
        namespace: String,
        qualifier: String,
    }
}

action! {
    /// Replaces code and handler. Not repeatable after an unknown outcome: the second call may meet a busy function.
    UpdateFunctionCode: Write -> Done {
        function_name: String,
    } optional {
        handler: String,
        cos_bucket_name: String,
        cos_object_name: String,
        zip_file: String,
        namespace: String,
        cos_bucket_region: String,
        install_dependency: Flag,
        env_id: String,
        publish: Flag,
        code: Code,
        code_source: String,
    }
}

action! {
    /// Changes configuration; members left out keep their value. Not blindly repeatable, as [`UpdateFunctionCode`].
    UpdateFunctionConfiguration: Write -> Done {
        function_name: String,
    } optional {
        description: String,
        memory_size: u64,
        timeout: u64,
        runtime: String,
        environment: Environment,
        namespace: String,
        vpc_config: VpcConfig,
        role: String,
        install_dependency: Flag,
        cls_logset_id: String,
        cls_topic_id: String,
        publish: Flag,
        l5_enable: Flag,
        layers: Vec<LayerVersionSimple>,
        dead_letter_config: DeadLetterConfig,
        public_net_config: PublicNetConfigIn,
        cfs_config: CfsConfig,
        init_timeout: u64,
        protocol_params: ProtocolParams,
        instance_concurrency_config: InstanceConcurrencyConfig,
        dns_cache: Flag,
        intranet_config: IntranetConfigIn,
        ignore_sys_log: bool,
    }
}

action! {
    /// Where the deployed package can be fetched, and its digest.
    GetFunctionAddress: Read -> GetFunctionAddressAnswer {
        function_name: String,
    } optional {
        qualifier: String,
        namespace: String,
    }
}

object! {
    /// Where the code comes from: exactly one of an inline archive, COS, an image, a template or git.
    Code {
    } optional {
        cos_bucket_name: String,
        cos_object_name: String,
        zip_file: String,
        cos_bucket_region: String,
        demo_id: String,
        temp_cos_object_name: String,
        git_url: String,
        git_user_name: String,
        git_password: String,
        git_password_secret: String,
        git_branch: String,
        git_directory: String,
        git_commit_id: String,
        git_user_name_secret: String,
        image_config: ImageConfig,
    }
}

object! {
    /// A container image and how to start it.
    #[derive(Debug)]
    ImageConfig {
        image_type: String,
        image_uri: String,
    } optional {
        registry_id: String,
        command: String,
        args: String,
        container_image_accelerate: bool,
        image_port: i64,
    } sent {
        entry_point: String,
    }
}

object! {
    /// Environment variables. One pair of empty strings clears them all.
    #[derive(Debug)]
    Environment {
    } optional {
        variables: Vec<Variable>,
    }
}

object! {
    /// One environment variable. `Debug` hides it.
    Variable {
    } optional {
        key: String,
        value: String,
    }
}

object! {
    /// The private network a function joins; empty strings when none.
    #[derive(Debug)]
    VpcConfig {
    } optional {
        vpc_id: String,
        subnet_id: String,
    }
}

object! {
    /// A layer by name and version.
    #[derive(Debug)]
    LayerVersionSimple {
        layer_name: String,
        layer_version: u64,
    } optional {
    }
}

object! {
    /// Where events go that could not be delivered; empty strings when nowhere.
    #[derive(Debug)]
    DeadLetterConfig {
        r#type: String,
        name: String,
    } optional {
        filter_type: String,
    }
}

object! {
    /// Access to the public network, as sent.
    #[derive(Debug)]
    PublicNetConfigIn {
        public_net_status: Switch,
    } optional {
        eip_config: EipConfigIn,
    }
}

object! {
    /// A fixed public address, as sent.
    #[derive(Debug)]
    EipConfigIn {
        eip_status: Switch,
    } optional {
    }
}

object! {
    /// A fixed private address, as sent.
    #[derive(Debug)]
    IntranetConfigIn {
        ip_fixed: Switch,
    } optional {
    }
}

object! {
    /// File systems mounted into the function.
    #[derive(Debug)]
    CfsConfig {
        cfs_ins_list: Vec<CfsInsInfo>,
    } optional {
    }
}

object! {
    /// One mounted file system.
    #[derive(Debug)]
    CfsInsInfo {
        user_id: String,
        user_group_id: String,
        cfs_id: String,
        mount_ins_id: String,
        local_mount_dir: String,
        remote_mount_dir: String,
    } optional {
    } sent {
        ip_address: String,
        mount_vpc_id: String,
        mount_subnet_id: String,
    }
}

object! {
    /// A tag as SCF spells it. The Tag service has [`crate::tag::Tag`].
    #[derive(Debug)]
    Tag {
        key: String,
        value: String,
    } optional {
    }
}

object! {
    /// Parameters of the protocol of an HTTP function.
    #[derive(Debug)]
    ProtocolParams {
    } optional {
        #[serde(rename = "WSParams")]
        ws_params: WSParams,
    }
}

object! {
    /// WebSocket parameters; the idle timeout is in seconds.
    #[derive(Debug)]
    WSParams {
    } optional {
        idle_time_out: u64,
    }
}

object! {
    /// Concurrent requests per instance, HTTP functions only. `DynamicEnabled` is `TRUE`, `FALSE` (fixed) or empty (off).
    #[derive(Debug)]
    InstanceConcurrencyConfig {
    } optional {
        dynamic_enabled: String,
        max_concurrency: u64,
    } sent {
        instance_isolation_enabled: String,
        r#type: String,
        mix_node_config: Vec<MixNodeConfig>,
        session_config: SessionConfig,
    }
}

object! {
    /// Instances of one machine kind.
    #[derive(Debug)]
    MixNodeConfig {
    } optional {
        node_spec: String,
        num: u64,
    }
}

object! {
    /// Session affinity of an HTTP function.
    #[derive(Debug)]
    SessionConfig {
    } optional {
        session_source: String,
        session_name: String,
        maximum_concurrency_session_per_instance: u64,
        #[serde(rename = "MaximumTTLInSeconds")]
        maximum_ttl_in_seconds: u64,
        maximum_idle_time_in_seconds: u64,
        session_path: String,
        idle_timeout_strategy: String,
    }
}

object! {
    /// A list filter: a name and the values it lets through.
    #[derive(Debug)]
    Filter {
        name: String,
        values: Vec<String>,
    } optional {
    }
}

answer! {
    /// A function as the service shows it. Times are `YYYY-MM-DD HH:MM:SS` without zone.
    GetFunctionAnswer {
        function_name: String,
        status: String,
    } defaulted {
        triggers: Vec<Trigger>,
        tags: Vec<Tag>,
        layers: Vec<LayerVersionInfo>,
        status_reasons: Vec<StatusReason>,
    } optional {
        description: String,
        handler: String,
        timeout: u64,
        memory_size: u64,
        runtime: String,
        vpc_config: VpcConfig,
        environment: Environment,
        role: String,
        install_dependency: Flag,
        status_desc: String,
        cls_logset_id: String,
        cls_topic_id: String,
        r#type: String,
        dead_letter_config: DeadLetterConfig,
        public_net_config: PublicNetConfigOut,
        cfs_config: CfsConfig,
        init_timeout: u64,
        async_run_enable: Flag,
        trace_enable: Flag,
        image_config: ImageConfig,
        protocol_type: String,
        protocol_params: ProtocolParams,
        instance_concurrency_config: InstanceConcurrencyConfig,
        dns_cache: Flag,
        intranet_config: IntranetConfigOut,
    }
}

answer! {
    /// One page of functions.
    #[derive(Debug)]
    ListFunctionsAnswer {
        functions: Vec<Function>,
    } defaulted {
    } optional {
        total_count: u64,
    }
}

answer! {
    /// The deployed package. The link is signed, so `Debug` hides it.
    GetFunctionAddressAnswer {
        code_sha256: String,
    } defaulted {
    } optional {
        url: String,
    }
}

row! {
    /// A row of [`ListFunctions`].
    #[derive(Debug)]
    Function {
        function_name: String,
    } defaulted {
        namespace: String,
        tags: Vec<Tag>,
    } optional {
        description: String,
        reserved_concurrency_mem: u64,
    }
}

row! {
    /// Why a function or version failed.
    #[derive(Debug)]
    StatusReason {
    } defaulted {
    } optional {
        error_code: String,
        error_message: String,
    }
}

row! {
    /// A layer as the service shows it.
    #[derive(Debug)]
    LayerVersionInfo {
        layer_version: u64,
        layer_name: String,
    } defaulted {
    } optional {
    }
}

row! {
    /// Access to the public network, as shown.
    #[derive(Debug)]
    PublicNetConfigOut {
    } defaulted {
    } optional {
        public_net_status: Switch,
        eip_config: EipConfigOut,
    }
}

row! {
    /// A fixed public address, as shown.
    #[derive(Debug)]
    EipConfigOut {
    } defaulted {
    } optional {
        eip_status: Switch,
    }
}

row! {
    /// A fixed private address, as shown.
    #[derive(Debug)]
    IntranetConfigOut {
    } defaulted {
    } optional {
        ip_fixed: Switch,
    }
}

opaque_debug!(Code, GetFunctionAddressAnswer, GetFunctionAnswer, Variable);
