//! Published versions and the aliases that point at them.

use super::SERVICE;
use crate::api::{Done, action, answer, object, row};

action! {
    /// Publishes `$LATEST` as the next numbered version. Every call makes another one.
    PublishVersion: Write -> PublishVersionAnswer {
        function_name: String,
    } optional {
        description: String,
        namespace: String,
    }
}

action! {
    /// Lists the versions of a function, `$LATEST` included.
    ListVersionByFunction: Read -> ListVersionByFunctionAnswer {
        function_name: String,
    } optional {
        namespace: String,
        offset: u64,
        limit: u64,
        order: String,
        order_by: String,
    }
}

action! {
    /// Creates an alias.
    CreateAlias: Write -> Done {
        name: String,
        function_name: String,
        function_version: String,
    } optional {
        namespace: String,
        routing_config: RoutingConfig,
        description: String,
    }
}

action! {
    /// Points an alias at another version.
    UpdateAlias: IdempotentWrite -> Done {
        function_name: String,
        name: String,
        function_version: String,
    } optional {
        namespace: String,
        routing_config: RoutingConfig,
        description: String,
    }
}

action! {
    /// Reads an alias.
    GetAlias: Read -> GetAliasAnswer {
        function_name: String,
        name: String,
    } optional {
        namespace: String,
    }
}

action! {
    /// Lists the aliases of a function. Offset and limit are text in this one call.
    ListAliases: Read -> ListAliasesAnswer {
        function_name: String,
    } optional {
        namespace: String,
        function_version: String,
        offset: String,
        limit: String,
    }
}

action! {
    /// Deletes an alias.
    DeleteAlias: Write -> Done {
        function_name: String,
        name: String,
    } optional {
        namespace: String,
    }
}

object! {
    /// How requests are shared with one further version. The misspelling is the API's.
    #[derive(Debug)]
    RoutingConfig {
    } optional {
        additional_version_weights: Vec<VersionWeight>,
        addtion_version_matchs: Vec<VersionMatch>,
    }
}

object! {
    /// A share of the requests, 0 to 1, for a version.
    #[derive(Debug)]
    VersionWeight {
        version: String,
        weight: f64,
    } optional {
    }
}

object! {
    /// A rule that sends matching requests to a version.
    #[derive(Debug)]
    VersionMatch {
        version: String,
        key: String,
        method: String,
        expression: String,
    } optional {
    }
}

answer! {
    /// The version that was made.
    #[derive(Debug)]
    PublishVersionAnswer {
        function_version: String,
    } defaulted {
    } optional {
        code_size: u64,
        memory_size: u64,
        description: String,
        handler: String,
        timeout: u64,
        runtime: String,
        namespace: String,
    }
}

answer! {
    /// One page of versions.
    #[derive(Debug)]
    ListVersionByFunctionAnswer {
        versions: Vec<FunctionVersion>,
    } defaulted {
        function_version: Vec<String>,
    } optional {
        total_count: u64,
    }
}

answer! {
    /// An alias.
    #[derive(Debug)]
    GetAliasAnswer {
        function_version: String,
        name: String,
    } defaulted {
    } optional {
        routing_config: RoutingConfig,
        description: String,
        add_time: String,
        mod_time: String,
    }
}

answer! {
    /// One page of aliases.
    #[derive(Debug)]
    ListAliasesAnswer {
        aliases: Vec<Alias>,
    } defaulted {
    } optional {
        total_count: u64,
    }
}

row! {
    /// A version of a function.
    #[derive(Debug)]
    FunctionVersion {
        version: String,
    } defaulted {
    } optional {
        description: String,
        add_time: String,
        mod_time: String,
        status: String,
    }
}

row! {
    /// An alias.
    #[derive(Debug)]
    Alias {
        function_version: String,
        name: String,
    } defaulted {
    } optional {
        routing_config: RoutingConfig,
        description: String,
        add_time: String,
        mod_time: String,
    }
}
