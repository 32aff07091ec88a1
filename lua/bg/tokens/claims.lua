-- What the claims of a token say, and what is wrong with them. Libraries write claims in different ways (numbers for
-- ids, fractions in times, null for what is absent); session_api/tokens/claims.py reads them by the same rules.

local names = require("bg.lib.names")
local parties = require("bg.tokens.parties")
local strict_json = require("bg.lib.strict_json")

local floor, min = math.floor, math.min
local find, format, gmatch = string.find, string.format, string.gmatch
local ipairs, type = ipairs, type

local MAX_WHOLE = 2 ^ 53
local MILLISECONDS = 1e11 -- in seconds, this is the year 5138; in milliseconds, 1973
local OWN_VERSION = "deploymentVersion"
local MAX_LIST = 128 -- bytes of the name of a list of pages
local MAX_JAR = 300
local USER, SESSION = "userId, user_id, sub", "sid, jti"
local ALL_OF_A_USER = "user:" -- in place of a session's id

local null = strict_json.null

local _M = {}

-- Whether a claim is there: null and an empty text count as absent.
local function is_given(value)
    return value ~= nil and value ~= null and value ~= ""
end

local function is_whole(value)
    return type(value) == "number" and value == floor(value) and value > -MAX_WHOLE and value < MAX_WHOLE
end

-- A time in whole seconds since the epoch; nil for anything else.
local function as_time(value)
    return type(value) == "number" and value >= 0 and value < MILLISECONDS and floor(value) or nil
end

-- An id as text: a text itself, a whole number as its digits; nil for anything else.
local function as_id(value)
    if type(value) == "string" then
        return value
    elseif is_whole(value) then
        return value == 0 and "0" or format("%.0f", value)
    end
    return strict_json.digits(value)
end

local function is_text(value, most)
    return type(value) == "string" and #value >= 1 and #value <= most and not find(value, "[^\32-\126]")
end

-- The first of these claims (two, or three) that is given, as an id; and the claim's name where it cannot be an id.
-- There is no loop in what each token is judged by: LuaJIT compiles it as a whole.
local function first_id(claims, one, two, three)
    local name = is_given(claims[one]) and one or is_given(claims[two]) and two or three
    if not name or not is_given(claims[name]) then
        return nil
    end
    local id = as_id(claims[name])
    return id, not id and name or nil
end

local function user_of(claims)
    return first_id(claims, "userId", "user_id", "sub")
end

-- The id of the session of a token without a version, which has to outlast the token: an id that is new with each token
-- (jti, iat) is none. What stays the same while a provider renews its tokens: OpenID Connect's and Keycloak's,
-- Supabase's, Cognito's. Without one, all tokens of a user are one session.
local function lasting_session_of(claims, user)
    local id, wrong = first_id(claims, "sid", "session_id", "origin_jti")
    if id or wrong then
        return id, wrong
    elseif user then
        return ALL_OF_A_USER
    end
    return first_id(claims, "jti", "jti")
end

-- The id of a session; where it has none of its own, all tokens of its user with the same `iat` are one session. `exp`
-- and `iat` have no fault. Second value: as first_id.
local function session_of(claims, user, exp, iat, has_version)
    if not has_version then
        return lasting_session_of(claims, user)
    end
    local id, wrong = first_id(claims, "sid", "jti")
    if id or wrong or not user then
        return id, wrong
    end
    return iat and format("iat:%.0f", iat) or format("exp:%.0f", exp)
end

--- The claim in which [tokens] version_claim has the version, for `rules`; nil for our own claim.
function _M.version_claim(name)
    if not name or name == OWN_VERSION then
        return nil
    end
    local path = {}
    for part in gmatch(name, "[^.]+") do
        path[#path + 1] = part
    end
    return { name = name, path = path }
end

local function inside(object, path)
    local value = object
    for _, part in ipairs(path) do
        if type(value) ~= "table" then
            return nil
        end
        value = value[part]
    end
    return value
end

-- The version: the claim of just that name, or else the one to which its dots lead, or else our own claim. nil where
-- there is none.
local function version_of(claims, version_claim)
    local value = version_claim and claims[version_claim.name]
    if version_claim and (value == nil or value == null) then
        value = inside(claims, version_claim.path)
    end
    if value == nil or value == null then
        value = claims[OWN_VERSION]
    end
    if value == null then
        return nil
    end
    return value
end

local function time_fault(name, value)
    if not is_given(value) then
        return name == "exp" and "it has no exp" or nil
    elseif as_time(value) then
        return nil
    elseif type(value) == "number" and value >= MILLISECONDS then
        return format("its %s is in milliseconds, it seems; %s counts seconds", name, name)
    end
    return format("its %s is no number of seconds since 1970", name)
end

-- What add() has been told since the list was begun; nil before that.
local found

local function add(reason, why, at)
    found = found or {}
    found[#found + 1] = { reason = reason, why = why, at = at }
end

-- Whether a time is malformed, which is added.
local function is_bad_time(name, value)
    local why = time_fault(name, value)
    if why then
        add("claims", why)
    end
    return why ~= nil
end

-- Adds what is wrong with each of the times, then what they say of `now`. Returns whether one is malformed.
local function time_faults(claims, rules, now)
    local exp_is_bad = is_bad_time("exp", claims.exp)
    local iat_is_bad = is_bad_time("iat", claims.iat)
    local nbf_is_bad = is_bad_time("nbf", claims.nbf)
    local exp, iat, nbf = as_time(claims.exp), as_time(claims.iat), as_time(claims.nbf)
    if exp and now > exp + rules.leeway then
        add("expired", nil, exp)
    end
    if (iat or 0) > now + rules.leeway or (nbf or 0) > now + rules.leeway then
        add("not_yet")
    end
    -- Counted from its own beginning: a token that lives for too long is refused for all of its life.
    if exp and exp > min(iat or now, now) + rules.longest + rules.leeway then
        add("too_long", nil, exp)
    end
    return exp_is_bad or iat_is_bad or nbf_is_bad
end

-- Only a token of ours has to say a version.
local function version_fault(claims, key, rules)
    local value, name = version_of(claims, rules.version_claim), rules.version_claim and rules.version_claim.name
    if value == nil then
        return parties.is_ours(claims, key, rules) and "it has no " .. OWN_VERSION or nil
    end
    return not names.is_version(value) and format("its %s is no version's name", name or OWN_VERSION) or nil
end

-- `times_are_bad`: they are malformed, and name no session.
local function id_fault(claims, times_are_bad, has_version)
    local user, wrong = user_of(claims)
    if wrong then
        return format("its %s is neither text nor a whole number", wrong)
    end
    local exp, iat = as_time(claims.exp), as_time(claims.iat)
    if times_are_bad then
        exp, iat = 0, nil
    end
    local session, wrong_too = session_of(claims, user, exp, iat, has_version)
    if wrong_too then
        return format("its %s is neither text nor a whole number", wrong_too)
    end
    return not session and "it names nobody: no " .. USER .. ", " .. SESSION or nil
end

--- Everything that is wrong with these claims at `now`, a list of `{reason, why, at}` with the reason that counts
-- first; nil where nothing is. `why` is missing where `reason` says it all; `at` is the time that it is about, in
-- seconds since the epoch.
-- @param key    the key that the token is signed with; nil where it is not known, and its issuer is not judged
-- @param rules  as tokens.token has them
function _M.faults(claims, key, rules, now)
    found = nil
    parties.faults(add, claims, key, rules)
    local times_are_bad = time_faults(claims, rules, now)
    local version = version_fault(claims, key, rules)
    if version then
        add("claims", version)
    end
    local has_version = version ~= nil or version_of(claims, rules.version_claim) ~= nil
    local id = id_fault(claims, times_are_bad, has_version)
    if id then
        add("claims", id)
    end
    return found
end

--- The identity (tokens.token) in claims that have no fault.
function _M.identity(claims, key, rules)
    local exp, iat, user = as_time(claims.exp), as_time(claims.iat), user_of(claims)
    local version, generation = version_of(claims, rules.version_claim), claims.deploymentGeneration
    local sid = session_of(claims, user, exp, iat, version ~= nil)
    return {
        version = version,
        generation = version and is_whole(generation) and generation >= 0 and generation or nil,
        issued = iat or 0,
        sid = sid,
        is_shared = not version and sid == ALL_OF_A_USER or nil,
        user = user,
        exp = exp,
        from = names.is_version(claims.from) and claims.from or nil,
        bound = claims.bound == true,
        pages = is_text(claims.pages, MAX_LIST) and claims.pages or nil,
        jar = is_text(claims.jar, MAX_JAR) and claims.jar or nil,
        foreign = not parties.is_ours(claims, key, rules) or nil,
    }
end

return _M
