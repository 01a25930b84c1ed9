//! STS 2018-08-13: who am I, and temporary keys.

use super::{Service, action, answer, object, opaque_debug, row};

const SERVICE: Service = Service::Sts;

action! {
    /// Who the credentials belong to.
    GetCallerIdentity: Read -> GetCallerIdentityAnswer {
    } optional {
    }
}

action! {
    /// Temporary keys of a role. `Policy` must be URL-encoded once, even in a JSON body. Repeatable: it changes nothing.
    AssumeRole: Read -> AssumeRoleAnswer {
        role_arn: String,
        role_session_name: String,
    } optional {
        duration_seconds: u64,
        policy: String,
        external_id: String,
        tags: Vec<Tag>,
        source_identity: String,
        serial_number: String,
        token_code: String,
    }
}

action! {
    /// Temporary keys of a role for a token of an identity provider. Sent unsigned, and needs a region.
    AssumeRoleWithWebIdentity: Read -> AssumeRoleWithWebIdentityAnswer {
        provider_id: String,
        web_identity_token: String,
        role_arn: String,
        role_session_name: String,
    } optional {
        duration_seconds: u64,
    }
}

object! {
    /// A session tag.
    #[derive(Debug)]
    Tag {
        key: String,
        value: String,
    } optional {
    }
}

answer! {
    /// Who the credentials belong to. `AccountId` is the owner's uin.
    #[derive(Debug)]
    GetCallerIdentityAnswer {
        account_id: String,
    } defaulted {
    } optional {
        arn: String,
        user_id: String,
        principal_id: String,
        r#type: String,
    }
}

answer! {
    /// Temporary keys. `ExpiredTime` in Unix seconds.
    #[derive(Debug)]
    AssumeRoleAnswer {
        credentials: Credentials,
    } defaulted {
    } optional {
        expired_time: u64,
        expiration: String,
    }
}

answer! {
    /// Temporary keys. `ExpiredTime` in Unix seconds.
    #[derive(Debug)]
    AssumeRoleWithWebIdentityAnswer {
        credentials: Credentials,
    } defaulted {
    } optional {
        expired_time: u64,
        expiration: String,
    }
}

row! {
    /// Temporary keys. `Debug` hides them.
    Credentials {
        token: String,
        tmp_secret_id: String,
        tmp_secret_key: String,
    } defaulted {
    } optional {
    }
}

opaque_debug!(Credentials);
