//! SCF namespaces and the account's quotas.

use super::SERVICE;
use crate::api::{Done, action, answer, object, row};

action! {
    /// Creates a namespace.
    CreateNamespace: Write -> Done {
        namespace: String,
    } optional {
        description: String,
        resource_env: NamespaceResourceEnv,
    }
}

action! {
    /// Sets the description of a namespace.
    UpdateNamespace: IdempotentWrite -> Done {
        namespace: String,
        description: String,
    } optional {
    }
}

action! {
    /// Deletes an empty namespace.
    DeleteNamespace: Write -> Done {
        namespace: String,
    } optional {
    }
}

action! {
    /// Lists the namespaces of a region.
    ListNamespaces: Read -> ListNamespacesAnswer {
    } optional {
        limit: u64,
        offset: u64,
        orderby: String,
        order: String,
        search_key: Vec<SearchKey>,
    }
}

action! {
    /// Usage and limits of the account in a region.
    GetAccount: Read -> GetAccountAnswer {
    } optional {
    }
}

object! {
    /// Where a namespace runs when not on the shared pool.
    #[derive(Debug)]
    NamespaceResourceEnv {
    } optional {
        #[serde(rename = "TKE")]
        tke: NamespaceResourceEnvTKE,
        #[serde(rename = "OFFLINE")]
        offline: bool,
    }
}

object! {
    /// A TKE cluster a namespace runs on.
    #[derive(Debug)]
    NamespaceResourceEnvTKE {
        #[serde(rename = "ClusterID")]
        cluster_id: String,
        #[serde(rename = "SubnetID")]
        subnet_id: String,
        namespace: String,
    } optional {
        data_path: String,
        node_selector: Vec<K8SLabel>,
        tolerations: Vec<K8SToleration>,
        port: u64,
        pod_template_patch: String,
    }
}

object! {
    /// A node label.
    #[derive(Debug)]
    K8SLabel {
        key: String,
        value: String,
    } optional {
    }
}

object! {
    /// A toleration of a node taint.
    #[derive(Debug)]
    K8SToleration {
    } optional {
        key: String,
        operator: String,
        effect: String,
        value: String,
        toleration_seconds: u64,
    }
}

object! {
    /// A search term of [`ListNamespaces`].
    #[derive(Debug)]
    SearchKey {
        key: String,
        value: String,
    } optional {
    }
}

answer! {
    /// One page of namespaces.
    #[derive(Debug)]
    ListNamespacesAnswer {
        namespaces: Vec<Namespace>,
    } defaulted {
    } optional {
        total_count: u64,
    }
}

answer! {
    /// Usage and limits.
    #[derive(Debug)]
    GetAccountAnswer {
        account_usage: UsageInfo,
        account_limit: LimitsInfo,
    } defaulted {
    } optional {
    }
}

row! {
    /// A namespace.
    #[derive(Debug)]
    Namespace {
        name: String,
    } defaulted {
    } optional {
        description: String,
    }
}

row! {
    /// What the account uses. Memory in MB.
    #[derive(Debug)]
    UsageInfo {
    } defaulted {
        namespace: Vec<NamespaceUsage>,
    } optional {
        namespaces_count: u64,
        total_concurrency_mem: u64,
        total_allocated_concurrency_mem: u64,
        user_concurrency_mem_limit: u64,
    }
}

row! {
    /// What one namespace uses. Memory in MB.
    #[derive(Debug)]
    NamespaceUsage {
        namespace: String,
    } defaulted {
        functions: Vec<String>,
    } optional {
        functions_count: u64,
        total_concurrency_mem: u64,
        total_allocated_concurrency_mem: u64,
        total_allocated_provisioned_mem: u64,
    }
}

row! {
    /// What the account may use.
    #[derive(Debug)]
    LimitsInfo {
    } defaulted {
        namespace: Vec<NamespaceLimit>,
    } optional {
        namespaces_count: u64,
    }
}

row! {
    /// What one namespace may use. Times in seconds.
    #[derive(Debug)]
    NamespaceLimit {
        namespace: String,
    } defaulted {
    } optional {
        functions_count: u64,
        trigger: TriggerCount,
        concurrent_executions: u64,
        timeout_limit: u64,
        test_model_limit: u64,
        init_timeout_limit: u64,
        retry_num_limit: u64,
        #[serde(rename = "MinMsgTTL")]
        min_msg_ttl: u64,
        #[serde(rename = "MaxMsgTTL")]
        max_msg_ttl: u64,
    }
}

row! {
    /// How many triggers of each type a function may have.
    #[derive(Debug)]
    TriggerCount {
    } defaulted {
    } optional {
        cos: u64,
        timer: u64,
        cmq: u64,
        total: u64,
        ckafka: u64,
        apigw: u64,
        cls: u64,
        clb: u64,
        mps: u64,
        cm: u64,
        vod: u64,
        eb: u64,
    }
}
