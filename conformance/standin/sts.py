"""STS: who is calling, and temporary keys that the signature check then knows."""

import re
import time

from .refusal import Refusal, require

SESSION = re.compile(r"[\w+=,.@\-]{2,128}")
ARN = re.compile(r"qcs::cam::uin/(\d+):(roleName|role)/(.+)")


class Sts:
    def __init__(self, call):
        self.call, self.cloud = call, call.cloud

    def run(self):
        return getattr(self, self.call.action)()

    def GetCallerIdentity(self):
        uin, user = self.cloud.account, self.cloud.user
        return {"Arn": f"qcs::cam::uin/{uin}:uin/{user}", "AccountId": uin, "UserId": user,
                "PrincipalId": user, "Type": "CAMUser"}

    def AssumeRole(self):
        match = ARN.fullmatch(self.call.get("RoleArn"))
        require(match and match[1] == self.cloud.account, "InvalidParameter.ParamError", "not a role of this account")
        require(SESSION.fullmatch(self.call.get("RoleSessionName")), "InvalidParameter.ParamError", "RoleSessionName")
        role = next((r for r in self.cloud.roles.values() if match[3] in (r["name"], r["id"])), None)
        if role is None:
            raise Refusal("ResourceNotFound.RoleNotFound", "the role does not exist")
        seconds = self.call.get("DurationSeconds", 7200)
        require(0 < seconds <= (role["session_duration"] or 43200), "InvalidParameter.OverTimeError", "too long")
        ident, secret = self.cloud.ident("ASIA", 20), self.cloud.ident("", 32)
        token = self.cloud.ident("token-", 64)
        self.cloud.keys[ident] = (secret, token)
        until = int(time.time()) + seconds
        return {"Credentials": {"Token": token, "TmpSecretId": ident, "TmpSecretKey": secret},
                "ExpiredTime": until, "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))}

    def AssumeRoleWithWebIdentity(self):
        require(self.call.region, "MissingParameter", "X-TC-Region is needed")
        require(self.call.get("WebIdentityToken").count(".") == 2, "InvalidParameter.WebIdentityTokenError",
                "the web identity token is not a JWT")
        return self.AssumeRole()
