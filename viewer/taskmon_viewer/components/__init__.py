"""What Streamlit lacks, as v2 components: each a small Python function beside a plain JavaScript file."""
