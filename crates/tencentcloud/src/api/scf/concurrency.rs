//! Reserved and provisioned concurrency, and what happens to asynchronous events.

use super::SERVICE;
use crate::api::{Done, action, answer, object, row};

action! {
    /// Reserves memory (MB) for a function; 0 stops new runs.
    PutReservedConcurrencyConfig: IdempotentWrite -> Done {
        function_name: String,
        reserved_concurrency_mem: u64,
    } optional {
        namespace: String,
    }
}

action! {
    /// Reads the reservation of a function.
    GetReservedConcurrencyConfig: Read -> GetReservedConcurrencyConfigAnswer {
        function_name: String,
    } optional {
        namespace: String,
    }
}

action! {
    /// Gives the reservation up.
    DeleteReservedConcurrencyConfig: Write -> Done {
        function_name: String,
    } optional {
        namespace: String,
    }
}

action! {
    /// Keeps instances of a published version warm. Asynchronous.
    PutProvisionedConcurrencyConfig: IdempotentWrite -> Done {
        function_name: String,
        qualifier: String,
        version_provisioned_concurrency_num: u64,
    } optional {
        namespace: String,
        trigger_actions: Vec<TriggerAction>,
        provisioned_type: String,
        tracking_target: f64,
        min_capacity: u64,
        max_capacity: u64,
    }
}

action! {
    /// Reads the warm instances of a function.
    GetProvisionedConcurrencyConfig: Read -> GetProvisionedConcurrencyConfigAnswer {
        function_name: String,
    } optional {
        namespace: String,
        qualifier: String,
    }
}

action! {
    /// Stops keeping instances warm.
    DeleteProvisionedConcurrencyConfig: Write -> Done {
        function_name: String,
        qualifier: String,
    } optional {
        namespace: String,
    }
}

action! {
    /// Reads the retries and the age limit of asynchronous events.
    GetFunctionEventInvokeConfig: Read -> GetFunctionEventInvokeConfigAnswer {
        function_name: String,
    } optional {
        namespace: String,
        qualifier: String,
    }
}

action! {
    /// Sets the retries and the age limit of asynchronous events.
    UpdateFunctionEventInvokeConfig: IdempotentWrite -> Done {
        async_trigger_config: AsyncTriggerConfig,
        function_name: String,
    } optional {
        namespace: String,
    }
}

object! {
    /// Retries of asynchronous events, and their age limit in seconds (60 to 21600).
    #[derive(Debug)]
    AsyncTriggerConfig {
        retry_config: Vec<RetryConfig>,
        #[serde(rename = "MsgTTL")]
        msg_ttl: u64,
    } optional {
    }
}

object! {
    /// A number of retries, 0 to 2. Answers may hold -1 as well.
    #[derive(Debug)]
    RetryConfig {
        retry_num: i64,
    } optional {
    }
}

object! {
    /// A scheduled change of the provisioned instances.
    #[derive(Debug)]
    TriggerAction {
        trigger_name: String,
        trigger_provisioned_concurrency_num: u64,
        trigger_cron_config: String,
    } optional {
        provisioned_type: String,
    }
}

answer! {
    /// The reservation in MB; absent when there is none.
    #[derive(Debug)]
    GetReservedConcurrencyConfigAnswer {
    } defaulted {
    } optional {
        reserved_mem: u64,
    }
}

answer! {
    /// Provisioned instances per version.
    #[derive(Debug)]
    GetProvisionedConcurrencyConfigAnswer {
        allocated: Vec<VersionProvisionedConcurrencyInfo>,
    } defaulted {
    } optional {
        unallocated_concurrency_num: u64,
    }
}

answer! {
    /// The setting for asynchronous events.
    #[derive(Debug)]
    GetFunctionEventInvokeConfigAnswer {
        async_trigger_config: AsyncTriggerConfig,
    } defaulted {
    } optional {
    }
}

row! {
    /// Provisioned instances of one version; status `Done`, `InProgress` or `Failed`.
    #[derive(Debug)]
    VersionProvisionedConcurrencyInfo {
        qualifier: String,
    } defaulted {
        trigger_actions: Vec<TriggerAction>,
    } optional {
        allocated_provisioned_concurrency_num: u64,
        available_provisioned_concurrency_num: u64,
        status: String,
        status_reason: String,
    }
}
