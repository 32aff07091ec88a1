-- Reads the JSON that most tokens have, in one pass over its bytes: an object without blanks whose members are texts
-- (of printable ASCII, without escapes), whole numbers from 1 on, true and false. What is of any other form it leaves
-- to lib.strict_json, and it reads nothing that is not read the same there (tests/lua/lib/test_plain_object.py holds
-- that). There is one loop and none in it, so that LuaJIT compiles it.

local clear = require("table.clear")
local ffi = require("ffi")

local text_of = ffi.string

local MOST_MEMBERS = 24
local MOST_DIGITS = 15 -- a double holds every number of so many
local QUOTE, BACKSLASH, COLON, COMMA, OPENED, CLOSED = 34, 92, 58, 44, 123, 125
local FIRST, LAST = 32, 126 -- printable ASCII
local ZERO, ONE, NINE = 48, 49, 57
local T, R, U, E, F, A, L, S = 116, 114, 117, 101, 102, 97, 108, 115
local TRUE_BYTES, FALSE_BYTES = 4, 5

-- What stands at a place, or may stand there.
local OBJECT, KEY, IN_KEY, AFTER_KEY, VALUE, IN_TEXT = 1, 2, 3, 4, 5, 6
local IN_NUMBER, WORD, MARK, END, NOTHING = 7, 8, 9, 10, 11

local _M = {}

-- What follows where this byte stands.
local function after(state, b)
    if state == MARK then
        return b == COMMA and KEY or b == CLOSED and END or NOTHING
    elseif state == AFTER_KEY then
        return b == COLON and VALUE or NOTHING
    elseif state == KEY then
        return b == QUOTE and IN_KEY or NOTHING
    elseif state == OBJECT then
        return b == OPENED and KEY or NOTHING
    elseif b == QUOTE then
        return IN_TEXT
    elseif b >= ONE and b <= NINE then
        return IN_NUMBER
    end
    return (b == T or b == F) and WORD or NOTHING
end

-- The bytes of the word (true, false) that begins at `at`; 0 where it is none.
local function word_bytes(bytes, at, size)
    if at + TRUE_BYTES < size and bytes[at] == T and bytes[at + 1] == R and bytes[at + 2] == U
        and bytes[at + 3] == E then
        return TRUE_BYTES
    elseif at + FALSE_BYTES < size and bytes[at] == F and bytes[at + 1] == A and bytes[at + 2] == L
        and bytes[at + 3] == S and bytes[at + 4] == E then
        return FALSE_BYTES
    end
    return 0
end

--- Whether these `size` bytes are such an object. Its members are put into the table `into`, which is emptied first;
-- what that holds is worth nothing where they are not.
function _M.read(bytes, size, into)
    clear(into)
    local state, key, start, number, members, at = OBJECT, "", 0, 0, 0, 0
    while at < size do
        local b = bytes[at]
        if state == IN_TEXT or state == IN_KEY then
            if b == QUOTE then
                local text = text_of(bytes + start, at - start)
                if state == IN_TEXT then
                    into[key], state = text, MARK
                elseif into[text] ~= nil or members == MOST_MEMBERS then
                    return false
                else
                    key, state, members = text, AFTER_KEY, members + 1
                end
            elseif b < FIRST or b > LAST or b == BACKSLASH then
                return false
            end
        elseif state == IN_NUMBER and b >= ZERO and b <= NINE and at - start < MOST_DIGITS then
            number = number * 10 + (b - ZERO)
        else
            if state == IN_NUMBER then
                into[key], state = number, MARK
            end
            state = after(state, b)
            start, number = state == IN_NUMBER and at or at + 1, b - ZERO
            if state == WORD then
                local word = word_bytes(bytes, at, size)
                into[key], at, state = word == TRUE_BYTES, at + word - 1, word > 0 and MARK or NOTHING
            end
            if state == END or state == NOTHING then
                return state == END and at + 1 == size
            end
        end
        at = at + 1
    end
    return false
end

return _M
