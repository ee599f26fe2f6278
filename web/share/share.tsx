/* What a link opens, for somebody without an account. */
export function Share() {
    return <main class="door quiet" aria-busy="true" />;
}
