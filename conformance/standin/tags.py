"""The Tag service, and the rules for tags that every service shares."""

import hashlib
import re

from .refusal import Refusal, require
from .respell import Speller

CHARACTERS = re.compile(r"[\w +\-=._:/@()\[\]（）【】]+")
RESERVED = re.compile(r"(qcs:|project:).*|qcloud|tencent|project")
VALUES_PER_KEY = 1000  # tag limits page
FUNCTION = re.compile(r"qcs::scf:([a-z0-9\-]+):uin/(\d*):namespace/([^/]+)/function/([^/]+)")
# As samples and messages of the service have them.
SHORT_REGIONS = {"ap-guangzhou": "gz", "ap-chongqing": "cq", "ap-beijing": "bj", "ap-shanghai": "sh"}
CAM_THING = re.compile(r"qcs::cam:[a-z0-9\-]*:uin/(\d*):(role|policy)/(\d+)")


def checked_tags(cloud, rows, key_name, value_name, code):
    """`[{Key, Value}]` as a table, or a refusal. `code` None: the Tag service's own fine-grained codes."""
    tags = {}

    def need(condition, fine, text):
        require(condition, code or fine, text)

    for row in rows:
        key, value = row[key_name], row[value_name]
        need(key, "InvalidParameterValue.TagKeyEmpty", "a tag key is empty")
        need(len(key) <= 127, "InvalidParameterValue.TagKeyLengthExceeded", "a tag key holds 127 characters")
        need(CHARACTERS.fullmatch(key), "InvalidParameterValue.TagKeyCharacterIllegal", f"tag key {key}")
        need(not RESERVED.fullmatch(key), "InvalidParameter.ReservedTagKey", f"tag key {key} is reserved")
        need(value, "InvalidParameterValue.TagValueEmpty", "a tag value is empty")
        need(len(value) <= 255, "InvalidParameterValue.TagValueLengthExceeded", "a value holds 255 characters")
        need(CHARACTERS.fullmatch(value), "InvalidParameterValue.TagValueCharacterIllegal", f"value of {key}")
        need(key not in tags, "InvalidParameterValue.TagKeyDuplicate", f"tag key {key} comes twice")
        known = cloud.tag_values.get(key, set())
        require(value in known or len(known) < VALUES_PER_KEY, "LimitExceeded.TagValue",
                f"tag key {key} has {VALUES_PER_KEY} values")
        tags[key] = value
    require(len(tags) <= 50, code or "LimitExceeded.ResourceAttachedTags", "50 tags at most")
    return tags


class Tag:
    def __init__(self, call):
        self.call, self.cloud = call, call.cloud
        self.spell = Speller(call.cloud.options.spelling, call.rng)

    def run(self):
        return getattr(self, self.call.action)()

    # -- resources

    def find(self, text):
        """The tags of a resource by its six-segment name; an empty uin means this account."""
        function, thing = FUNCTION.fullmatch(text), CAM_THING.fullmatch(text)
        require(function or thing, "InvalidParameterValue.ResourceDescriptionError", f"not a resource: {text}")
        uin = function[2] if function else thing[1]
        require(uin in ("", self.cloud.account), "InvalidParameterValue.ResourceDescriptionError",
                "the uin is not the owner of this account")
        for name, tags in self.everything():
            match = FUNCTION.fullmatch(name) if function else CAM_THING.fullmatch(name)
            if match and (match.group(1, 3, 4) == function.group(1, 3, 4) if function
                          else match.group(2, 3) == thing.group(2, 3)):
                return tags
        raise Refusal("ResourceNotFound", f"no such resource: {text}")

    def everything(self):
        uin = self.cloud.account
        for f in self.cloud.functions():
            yield f"qcs::scf:{f['region']}:uin/{uin}:namespace/{f['namespace']}/function/{f['name']}", f["tags"]
        for role in self.cloud.roles.values():
            yield f"qcs::cam::uin/{uin}:role/{role['id']}", role["tags"]
        for policy in self.cloud.policies.values():
            if not policy["preset"]:
                yield f"qcs::cam::uin/{uin}:policy/{policy['id']}", policy["tags"]

    def rows(self, tags):
        return self.spell.shuffled({"TagKey": k, "TagValue": v} for k, v in tags.items())

    def for_each(self, change):
        """Carries a change out on each resource; what fails is told inside a successful answer."""
        resources = self.call.get("ResourceList")
        require(0 < len(resources) <= 10, "LimitExceeded.ResourceNumPerRequest", "1 to 10 resources a call")
        failed = []
        for resource in resources:
            try:
                change(self.find(resource))
            except Refusal as refusal:
                failed.append({"Resource": resource, "Code": refusal.code, "Message": refusal.message})
        return {"FailedResources": failed}

    def checked(self, rows):
        require(len(rows) <= 10, "LimitExceeded.TagNumPerRequest", "10 tags a call")
        return checked_tags(self.cloud, rows, "TagKey", "TagValue", None)

    @staticmethod
    def put(tags, changes):
        require(len({**tags, **changes}) <= 50, "LimitExceeded.ResourceAttachedTags", "50 tags at most")
        tags.update(changes)

    # -- actions

    def TagResources(self):
        require(self.call.get("Tags"), "InvalidParameter.Tag", "no tags given")
        changes = self.checked(self.call.get("Tags"))
        self.cloud.note_tags(changes)
        return self.for_each(lambda tags: self.put(tags, changes))

    def UnTagResources(self):
        keys = self.call.get("TagKeys")
        require(0 < len(keys) <= 10, "LimitExceeded.TagNumPerRequest", "1 to 10 tag keys a call")
        return self.for_each(lambda tags: self.drop(tags, keys))

    def drop(self, tags, keys):
        # What becomes of a key that is not there is not said; the error lists have a code for it.
        require(set(keys) <= set(tags) or not self.spell.chance(), "ResourceNotFound.AttachedTagKeyNotFound",
                "a tag key is not attached to the resource")
        for key in keys:
            tags.pop(key, None)

    def ModifyResourceTags(self):
        replace, delete = self.call.get("ReplaceTags"), self.call.get("DeleteTags")
        require(replace != [] and delete != [] and (replace or delete), "InvalidParameter.Tag",
                "ReplaceTags or DeleteTags is needed, and neither may be empty")
        changes = self.checked(replace or [])
        keys = [d["TagKey"] for d in delete or []]
        require(not set(keys) & set(changes), "InvalidParameterValue.DeleteTagsParamError",
                "a key is both replaced and deleted")
        tags = self.find(self.call.get("Resource"))
        for key in keys:
            tags.pop(key, None)
        self.put(tags, changes)
        self.cloud.note_tags(changes)
        return {}

    def GetResources(self):
        listed, filters = self.call.get("ResourceList"), self.call.get("TagFilters", [])
        size = self.call.get("MaxResults", 50)
        require(1 <= size <= 200, "InvalidParameter.Tag", "MaxResults is 1 to 200")
        if listed is not None:
            require("MaxResults" not in self.call.params and not filters, "InvalidParameter.Tag",
                    "ResourceList goes with neither TagFilters nor MaxResults")
            require(len(listed) <= 10, "LimitExceeded.ResourceNumPerRequest", "10 resources a call")
            found = [(name, self.find(name)) for name in listed]
        else:
            self.check_filters(filters)
            found = [(n, t) for n, t in self.everything() if t and self.fits(t, filters)]
        found.sort(key=lambda row: hashlib.sha256(f"{self.cloud.options.seed}{row[0]}".encode()).digest())
        token = self.call.get("PaginationToken", "")
        require(re.fullmatch(r"(at-\d+)?", token), "InvalidParameter.PaginationTokenInvalid", "not a token of ours")
        start = int(token[3:]) if token else 0
        more = start + size < len(found)
        return {"PaginationToken": f"at-{start + size}" if more else "",
                "ResourceTagMappingList": [{"Resource": self.spelled(n), "Tags": self.rows(t)}
                                           for n, t in found[start:start + size]]}

    def spelled(self, name):
        parts = name.split(":")
        parts[3] = SHORT_REGIONS.get(parts[3], parts[3]) if self.spell.wild(0.3) else parts[3]
        return ":".join(parts)

    def check_filters(self, filters):
        require(len(filters) <= 6, "LimitExceeded.TagNumPerRequest", "6 tag filters at most")
        for f in filters:
            require(f["TagKey"], "InvalidParameterValue.TagKeyEmpty", "a tag key is empty")
            require(len(f.get("TagValue", [])) <= 10, "LimitExceeded.TagNumPerRequest", "10 values a filter")

    @staticmethod
    def fits(tags, filters):
        return all(f["TagKey"] in tags and (not f.get("TagValue") or tags[f["TagKey"]] in f["TagValue"])
                   for f in filters)

    def CreateTag(self):
        tags = self.checked([self.call.params])
        for key, value in tags.items():
            require(value not in self.cloud.tag_values.get(key, ()), "ResourceInUse.TagDuplicate", "the tag exists")
        self.cloud.note_tags(tags)
        return {}

    def DeleteTag(self):
        key, value = self.call.get("TagKey"), self.call.get("TagValue")
        require(key, "InvalidParameterValue.TagKeyEmpty", "a tag key is empty")
        known = self.cloud.tag_values.get(key, set())
        require(value in known, "ResourceNotFound.TagNonExist", "the tag does not exist")
        require(not any(tags.get(key) == value for _, tags in self.everything()),
                "FailedOperation.TagAttachedResource", "the tag is on a resource")
        known.remove(value)
        if not known:
            del self.cloud.tag_values[key]
        return {}

    def DescribeTags(self):
        """Every pair that exists, attached or not, in no order that means anything."""
        key, value = self.call.get("TagKey"), self.call.get("TagValue")
        require((key is None) == (value is None), "InvalidParameterValue.TagFilters", "TagKey and TagValue go together")
        offset, limit = self.call.get("Offset", 0), self.call.get("Limit", 15)
        require(1 <= limit <= 1000 and offset % limit == 0, "FailedOperation",
                "Limit is 1 to 1000, Offset a multiple of it")
        keys = self.call.get("TagKeys") or ([key] if key else None)
        used = {pair for _, tags in self.everything() for pair in tags.items()}
        rows = [{"TagKey": k, "TagValue": v, "CanDelete": int((k, v) not in used), "Category": "Custom"}
                for k, values in self.cloud.tag_values.items() if keys is None or k in keys
                for v in values if value is None or v == value]
        rows.sort(key=lambda row: hashlib.sha256(f"{row['TagKey']}={row['TagValue']}".encode()).digest())
        return {"TotalCount": len(rows), "Offset": offset, "Limit": limit, "Tags": rows[offset:offset + limit]}

    def parts(self, name):
        """Six segments as the older calls name them: service, region, prefix, id."""
        _, _, service, region, _, rest = name.split(":", 5)
        prefix, _, ident = rest.partition("/")
        return service, region, prefix, ident

    def window(self, rows, default):
        offset, limit = self.call.get("Offset", 0), self.call.get("Limit", default)
        return {"TotalCount": len(rows), "Offset": offset, "Limit": limit}, rows[offset:offset + limit]

    def tag_row(self, key, value, service, ident):
        return {"TagKey": key, "TagValue": value, "ResourceId": ident, "ServiceType": service,
                "TagKeyMd5": hashlib.md5(key.encode()).hexdigest(),
                "TagValueMd5": hashlib.md5(value.encode()).hexdigest()}

    def select(self, idents):
        rows = []
        for name, tags in self.everything():
            service, region, prefix, ident = self.parts(name)
            wanted = {"ServiceType": service, "ResourcePrefix": prefix, "ResourceRegion": region}
            if all(self.call.get(k, v) == v for k, v in wanted.items()) and (idents is None or ident in idents):
                rows += [self.tag_row(k, v, service, ident) for k, v in tags.items()]
        return rows

    def DescribeResourceTags(self):
        ident = self.call.get("ResourceId")
        head, rows = self.window(self.select(None if ident is None else [ident]), 15)
        return {**head, "Rows": self.spell.shuffled(rows)}

    def DescribeResourceTagsByResourceIds(self):
        idents = self.call.get("ResourceIds")
        require(len(idents) <= 50, "InvalidParameterValue.ResourceIdInvalid", "50 ids at most")
        head, rows = self.window(self.select(idents), 15)
        return {**head, "Tags": self.spell.shuffled(rows)}

    def DescribeResourcesByTags(self):
        filters, rows = self.call.get("TagFilters"), []
        require(len(filters) <= 6, "InvalidParameterValue.TagFiltersLengthExceeded", "6 tag filters at most")
        for name, tags in self.everything():
            service, region, prefix, ident = self.parts(name)
            facts = {"ServiceType": service, "ResourcePrefix": prefix, "ResourceRegion": region,
                     "ResourceId": ident}
            if tags and self.fits(tags, filters) and all(self.call.get(k, v) == v for k, v in facts.items()):
                rows.append({**facts, "Tags": self.rows(tags)})
        head, rows = self.window(rows, 15)
        return {**head, "Rows": rows}
