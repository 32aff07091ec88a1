-- Whom a token is from (`iss`) and for (`aud`): what its key demands of it (tokens.keyring).

local null = require("bg.lib.strict_json").null

local ipairs, type = ipairs, type

local _M = {}

--- Whether it is a token of ours, and not one of the app's own: the session API renews only ours. `key` may be nil.
function _M.is_ours(claims, key, rules)
    return claims.iss == rules.issuer and not (key and key.signed_by == "app")
end

local function is_given(value)
    return value ~= nil and value ~= null and value ~= ""
end

local function issuer_fault(claims, key)
    if key.signed_by == "app" or key.signed_by == "both" then
        return key.issuer and claims.iss ~= key.issuer and "another iss than the one that its key is for" or nil
    end
    return (is_given(claims.iss) and "another iss than" or "no iss, and its key is for") .. " [tokens] issuer"
end

-- Whether `audience` is the `aud` of a token, or one in its list (RFC 7519, section 4.1.3).
local function is_for(aud, audience)
    if type(aud) ~= "table" then
        return aud == audience
    end
    for _, each in ipairs(aud) do
        if each == audience then
            return true
        end
    end
    return false
end

local function audience_fault(claims, key)
    if not key.audience or is_for(claims.aud, key.audience) then
        return nil
    end
    return is_given(claims.aud) and "another aud than the one that its key is for"
        or "no aud, and its key is for just one"
end

--- Calls `add(reason, why)` for what is wrong; a token whose `key` is not known (nil), and one of ours, has no fault.
function _M.faults(add, claims, key, rules)
    if not key or _M.is_ours(claims, key, rules) then
        return
    end
    local issuer, audience = issuer_fault(claims, key), audience_fault(claims, key)
    if issuer then
        add("issuer", issuer)
    end
    if audience then
        add("audience", audience)
    end
end

return _M
