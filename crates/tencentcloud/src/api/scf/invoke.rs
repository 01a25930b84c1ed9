//! Running functions and reading what they left behind. Events and results may hold secrets, so nothing here shows
//! them in `Debug`.

use super::SERVICE;
use crate::api::{action, answer, object, opaque_debug, row};

action! {
    /// Runs a function, synchronously or with `InvocationType: Event`. `ClientContext` is the event as JSON text.
    Invoke: Write -> InvokeAnswer {
        function_name: String,
    } optional {
        invocation_type: String,
        qualifier: String,
        client_context: String,
        log_type: String,
        namespace: String,
        routing_key: String,
    }
}

action! {
    /// Runs a function synchronously. Its default qualifier is `$DEFAULT`, that of [`Invoke`] `$LATEST`.
    InvokeFunction: Write -> InvokeFunctionAnswer {
        function_name: String,
    } optional {
        qualifier: String,
        event: String,
        log_type: String,
        namespace: String,
        routing_key: String,
    }
}

action! {
    /// Reads logs. Documented as retired: CLS and [`GetRequestStatus`] replace it.
    GetFunctionLogs: Read -> GetFunctionLogsAnswer {
    } optional {
        function_name: String,
        offset: u64,
        limit: u64,
        order: String,
        order_by: String,
        filter: LogFilter,
        namespace: String,
        qualifier: String,
        function_request_id: String,
        start_time: String,
        end_time: String,
        search_context: LogSearchContext,
    }
}

action! {
    /// How an invocation ended.
    GetRequestStatus: Read -> GetRequestStatusAnswer {
        function_name: String,
        function_request_id: String,
    } optional {
        namespace: String,
        start_time: String,
        end_time: String,
    }
}

object! {
    /// Which log entries to return.
    #[derive(Debug)]
    LogFilter {
    } optional {
        ret_code: String,
    }
}

object! {
    /// Where a log search stands.
    #[derive(Debug)]
    LogSearchContext {
        offset: String,
        limit: u64,
    } optional {
        keyword: String,
        r#type: String,
    }
}

answer! {
    /// What the invocation gave.
    #[derive(Debug)]
    InvokeAnswer {
        result: InvocationResult,
    } defaulted {
    } optional {
    }
}

answer! {
    /// What the invocation gave.
    #[derive(Debug)]
    InvokeFunctionAnswer {
        result: InvocationResult,
    } defaulted {
    } optional {
    }
}

answer! {
    /// Log entries.
    #[derive(Debug)]
    GetFunctionLogsAnswer {
        data: Vec<FunctionLog>,
    } defaulted {
    } optional {
        total_count: u64,
        search_context: LogSearchContext,
    }
}

answer! {
    /// States of an invocation.
    #[derive(Debug)]
    GetRequestStatusAnswer {
        data: Vec<RequestStatus>,
    } defaulted {
    } optional {
        total_count: u64,
    }
}

row! {
    /// The result of a run. An error of the user's code stands here, not in an API error. Memory in bytes, times in ms.
    InvocationResult {
    } defaulted {
    } optional {
        log: String,
        ret_msg: String,
        err_msg: String,
        mem_usage: u64,
        duration: f64,
        bill_duration: u64,
        function_request_id: String,
        invoke_result: i64,
    }
}

row! {
    /// One run in the log.
    FunctionLog {
        function_name: String,
    } defaulted {
    } optional {
        ret_msg: String,
        request_id: String,
        start_time: String,
        ret_code: i64,
        invoke_finished: u64,
        duration: f64,
        bill_duration: u64,
        mem_usage: u64,
        log: String,
        level: String,
        source: String,
        retry_num: i64,
    }
}

row! {
    /// How a run ended: `RetCode` 0 ok, 1 running, -1 failed. Memory in MB, time in ms.
    RequestStatus {
        function_name: String,
    } defaulted {
    } optional {
        ret_msg: String,
        request_id: String,
        start_time: String,
        ret_code: i64,
        duration: f64,
        mem_usage: f64,
        retry_num: i64,
    }
}

opaque_debug!(FunctionLog, InvocationResult, RequestStatus);
