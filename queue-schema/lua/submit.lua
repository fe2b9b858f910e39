-- submit.lua: apply effects that no job stands behind, once: what a command asks for.
--
-- ARGV[1]  key suffix; when it exists, this was done before
-- ARGV[2+] number of effects, effects
-- Returns 1 when it was done now, 0 when it had been done before.
-- @include effects
if call('EXISTS', P .. ARGV[1]) == 1 then return 0 end
apply_effects(2)
return 1
