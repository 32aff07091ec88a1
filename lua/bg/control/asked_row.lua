-- The row of /explain for the version for which a request itself asks (routing.asked_version).

local asked_version = require("bg.routing.asked_version")

local format = string.format

-- Why it is not that version which answers, by the word that routing.asked_version has for it.
local NOT_ASKED = {
    unsplit = "one version is served",
    absent = "no X-Deployment-Version in the request",
    previewed = "not while a version is only previewed",
    load = "a page load: its session's version answers",
    retired = "the version for which it asks is not served",
}

--- The row, `{outcome, why}`. `facts` are those of control.rule_rows, where `asked` is then the slot that it decides.
return function(facts)
    local slot, word = asked_version.slot(facts.decision, facts.routing, facts.request)
    if not slot then
        return { outcome = "no", why = NOT_ASKED[word] }
    elseif not facts.is_slotted then
        return { outcome = "no", why = "this service is shared by both versions" }
    end
    facts.asked = slot
    return { outcome = "used", why = format("it asks for %s, for itself alone", slot.version) }
end
